//! Every format and packing gives the same documents, and bad files are refused by name and place.

mod common;

use std::io::Write;

use common::{file, gzip, jsonl, parquet, some, texts, zstd};
use maec_corpus::{Document, Error, Format, InputFile, ReadOptions, TextUnit, documents};
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterVersion::{PARQUET_1_0, PARQUET_2_0};
use proptest::prelude::*;

fn read(input: &InputFile, options: &ReadOptions) -> Result<Vec<String>, Error> {
    documents(input, options)?.map(|document| Ok(document?.text)).collect()
}

#[test]
fn all_formats_hold_the_same_documents() {
    let (folder, texts) = (tempfile::tempdir().unwrap(), texts());
    let lines = jsonl(&texts);
    let crlf = String::from_utf8(lines.clone()).unwrap().replace('\n', "\r\n\r\n");
    let (half, rest) = lines.split_at(lines.len() / 2);
    let v1 = parquet(&some(&texts), Compression::SNAPPY, PARQUET_1_0);
    let mut files = vec![
        ("a.jsonl", lines.clone()),
        ("b.jsonl.gz", gzip(&lines)),
        ("c.jsonl.zst", zstd(&lines)),
        ("several members.jsonl.gz", [gzip(half), gzip(rest)].concat()),
        ("several frames.jsonl.zst", [zstd(half), zstd(rest)].concat()),
        ("crlf.jsonl", crlf.into_bytes()),
        ("mark.jsonl", [b"\xef\xbb\xbf", &lines[..]].concat()),
        ("packed outside.parquet.gz", gzip(&v1)),
        ("snappy.parquet", v1),
    ];
    for (name, compression) in [
        ("plain.parquet", Compression::UNCOMPRESSED),
        ("gzip.parquet", Compression::GZIP(GzipLevel::default())),
        ("zstd.parquet", Compression::ZSTD(ZstdLevel::default())),
        ("lz4.parquet", Compression::LZ4_RAW),
    ] {
        files.push((name, parquet(&some(&texts), compression, PARQUET_2_0)));
    }
    for (name, bytes) in files {
        let input = file(folder.path(), name, &bytes);
        assert_eq!(read(&input, &ReadOptions::default()).expect(name), texts, "{name}");
    }
}

#[test]
fn a_nested_column_is_named_by_its_path_and_null_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [Some("one".into()), None, Some("three".into())];
    let input = file(folder.path(), "x.bin", parquet(&rows, Compression::SNAPPY, PARQUET_2_0));
    assert_eq!(read(&input, &ReadOptions::default()).unwrap(), ["one", "", "three"]);
    let options = ReadOptions { field: "meta.lang".into(), ..ReadOptions::default() };
    assert_eq!(read(&input, &options).unwrap(), ["en"; 3]);
    let options = ReadOptions { field: "id".into(), ..ReadOptions::default() };
    let error = read(&input, &options).unwrap_err().to_string();
    assert!(error.contains("no text column `id`") && error.contains("text, meta.lang"), "{error}");
}

#[test]
fn plain_text_is_cut_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let text = "\u{feff}one\r\ntwo\n\n \t\nthree\n\n\nfour";
    let rows = |unit| -> Vec<Document> {
        let options = ReadOptions { unit, ..ReadOptions::default() };
        documents(&file(folder.path(), "a.txt.gz", gzip(text.as_bytes())), &options)
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap()
    };
    let document = |row, text: &str| Document { row, text: text.into() };
    assert_eq!(rows(TextUnit::File), [document(1, "one\r\ntwo\n\n \t\nthree\n\n\nfour")]);
    let paragraphs = [document(1, "one\r\ntwo"), document(5, "three"), document(8, "four")];
    assert_eq!(rows(TextUnit::Paragraphs), paragraphs);
    let lines = [document(1, "one"), document(2, "two"), document(5, "three"), document(8, "four")];
    assert_eq!(rows(TextUnit::Lines), lines);
}

#[test]
fn bad_files_are_named_with_the_place() {
    let (folder, texts) = (tempfile::tempdir().unwrap(), texts());
    let lines = jsonl(&texts);
    let (gz, zst) = (gzip(&lines), zstd(&lines));
    let v1 = parquet(&some(&texts), Compression::SNAPPY, PARQUET_1_0);
    let mut damaged = gz.clone();
    // In the checksum before the length, the last four bytes (RFC 1952).
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 0xff;
    for (name, bytes, said) in [
        (
            "a.jsonl",
            b"{\"text\":\"x\"}\n\n{\"text\":".to_vec(),
            "a.jsonl: line 3: column 8: not a JSON object",
        ),
        ("b.jsonl", b"{\"text\":\"x\"}\n{\"body\":1}".to_vec(), "b.jsonl: line 2: there is no field `text`"),
        ("c.jsonl", b"{\"text\":\"\xff\"}".to_vec(), "c.jsonl: line 1: byte 10 is not UTF-8"),
        ("d.txt", b"ok \xc3(".to_vec(), "d.txt: line 1: byte 4 is not UTF-8"),
        ("cut.jsonl.gz", gz[..gz.len() - 9].to_vec(), "`cut.jsonl.gz` can't be unpacked: it is cut off"),
        ("damaged.jsonl.gz", damaged, "`damaged.jsonl.gz` can't be unpacked"),
        ("cut.jsonl.zst", zst[..zst.len() - 9].to_vec(), "`cut.jsonl.zst` can't be unpacked"),
        ("no.jsonl.gz", lines.clone(), "does not begin as gzip does"),
        ("no.jsonl.zst", Vec::new(), "does not begin as zstd does"),
        ("cut.parquet", v1[..v1.len() - 9].to_vec(), "`cut.parquet` is no readable parquet file"),
        ("no.parquet", b"PAR1PAR1".to_vec(), "`no.parquet` is no readable parquet file"),
        ("empty.parquet", Vec::new(), "`empty.parquet` is no readable parquet file"),
        ("x.csv", b"a,b".to_vec(), "`x.csv` tells no format"),
    ] {
        let error = read(&file(folder.path(), name, bytes), &ReadOptions::default()).expect_err(name);
        let error = error.to_string();
        assert!(error.contains(said) && !error.contains('\n'), "{name}: {error}");
    }
    let missing = InputFile { path: folder.path().join("none"), name: "none.txt".into() };
    assert!(matches!(read(&missing, &ReadOptions::default()), Err(Error::Read { .. })));
    let folder_itself = InputFile { path: folder.path().into(), name: "folder.txt".into() };
    assert!(read(&folder_itself, &ReadOptions::default()).unwrap_err().to_string().contains("no plain file"));
}

#[test]
fn a_bad_row_does_not_hide_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let input = file(folder.path(), "a.jsonl", "{\"text\":\"a\"}\n[]\n{\"text\":3}\n{\"text\":\"b\"}");
    let rows: Vec<_> = documents(&input, &ReadOptions::default()).unwrap().collect();
    let kinds: Vec<bool> = rows.iter().map(|row| row.as_ref().is_err_and(Error::is_row)).collect();
    assert_eq!(kinds, [false, true, true, false]);
}

#[test]
fn a_bomb_is_refused_without_holding_what_it_unpacks_to() {
    let folder = tempfile::tempdir().unwrap();
    // 200 MB of one line in a few kB; a document may have 16 MiB and a line 128 MiB.
    let chunk = vec![b'a'; 1 << 20];
    let mut packed = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    for _ in 0..200 {
        packed.write_all(&chunk).unwrap();
    }
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 100_000);
    for (name, format) in [("a.txt.zst", Format::Text), ("a.jsonl.zst", Format::Jsonl)] {
        let options = ReadOptions { format: Some(format), ..ReadOptions::default() };
        let error = read(&file(folder.path(), name, &packed), &options).unwrap_err();
        assert!(error.is_row() && error.to_string().contains("bytes in one document"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_texts_come_back_from_any_format(texts in prop::collection::vec("[^\u{0}]{0,40}", 1..20)) {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            file(folder.path(), "a.jsonl.zst", zstd(&jsonl(&texts))),
            file(folder.path(), "b.parquet", parquet(&some(&texts), Compression::SNAPPY, PARQUET_2_0)),
        ];
        for input in files {
            prop_assert_eq!(&read(&input, &ReadOptions::default()).unwrap(), &texts);
        }
    }

    #[test]
    fn damaged_bytes_never_panic(at in 0usize..4000, with: u8, cut in 0usize..4000, kind in 0usize..4) {
        let folder = tempfile::tempdir().unwrap();
        let texts = texts();
        let (name, mut bytes) = match kind {
            0 => ("a.parquet", parquet(&some(&texts[..40]), Compression::SNAPPY, PARQUET_1_0)),
            1 => ("a.parquet", parquet(&some(&texts[..40]), Compression::UNCOMPRESSED, PARQUET_2_0)),
            2 => ("a.jsonl.gz", gzip(&jsonl(&texts[..40]))),
            _ => ("a.jsonl.zst", zstd(&jsonl(&texts[..40]))),
        };
        let at = at % bytes.len();
        bytes[at] = with;
        bytes.truncate(bytes.len().max(cut));
        match read(&file(folder.path(), name, &bytes), &ReadOptions::default()) {
            Ok(read) => prop_assert!(read.len() <= 400),
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }
}
