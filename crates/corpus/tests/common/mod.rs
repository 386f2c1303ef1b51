//! A tokenizer of bytes, known documents, and the files of every format that hold them.
#![allow(dead_code, reason = "every test program uses a part of it")]

use std::fs::{self, File};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use maec_corpus::{Error, HeldOut, InputFile, Job, Manifest, Progress, ReadOptions, Source};
use maec_tokenizer::{Tokenizer, TokenizerError};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// Every byte is a token; 256 begins a text, 257 is for ends. Refuses texts with a tab.
pub struct BytesTokenizer;

pub const BEGIN: u32 = 256;
pub const END: u32 = 257;

impl Tokenizer for BytesTokenizer {
    fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, TokenizerError> {
        if text.contains('\t') {
            return Err(TokenizerError::Encode("a tab".into()));
        }
        let begin = special.then_some(BEGIN);
        Ok(begin.into_iter().chain(text.bytes().map(u32::from)).collect())
    }

    fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        let bytes = ids.iter().filter_map(|id| u8::try_from(*id).ok()).collect();
        String::from_utf8(bytes).map_err(|error| TokenizerError::Decode(error.to_string()))
    }

    fn vocab_size(&self) -> usize {
        258
    }

    fn id_of(&self, _: &str) -> Option<u32> {
        None
    }
}

/// Texts with everything in them that formats escape.
pub fn texts() -> Vec<String> {
    let mut texts: Vec<String> =
        ["Tom has 3 apples.", "a \"quoted\" \\ line\nand another", "తెలుగు, বাংলা, 中文, 😀", "x"]
            .map(Into::into)
            .into();
    texts.extend((0..300).map(|i| format!("Document {i}: {}", "word ".repeat(i % 17))));
    texts
}

/// What the tokenizer makes of a text, with the end after it.
pub fn tokens(text: &str) -> Vec<u32> {
    let mut tokens = BytesTokenizer.encode(text, true).unwrap();
    tokens.push(END);
    tokens
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

pub fn jsonl(texts: &[String]) -> Vec<u8> {
    let line =
        |text: &String| serde_json::json!({ "id": 1, "text": text, "meta": { "a": [1] } }).to_string() + "\n";
    texts.iter().map(line).collect::<String>().into_bytes()
}

/// A parquet file of a number and a text column, in groups of 100 rows; `None` is null.
pub fn parquet(texts: &[Option<String>], compression: Compression, version: WriterVersion) -> Vec<u8> {
    let schema = "message m { required int64 id; optional binary text (STRING); required group meta { required binary lang (STRING); } }";
    let properties = WriterProperties::builder().set_compression(compression).set_writer_version(version);
    let properties = properties.set_data_page_row_count_limit(30).set_write_batch_size(10).build();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for group in texts.chunks(100) {
        let mut rows = writer.next_row_group().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        let ids: Vec<i64> = (0..group.len() as i64).collect();
        column.typed::<parquet::data_type::Int64Type>().write_batch(&ids, None, None).unwrap();
        column.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        let values: Vec<ByteArray> =
            group.iter().flatten().map(|text| ByteArray::from(text.as_str())).collect();
        let levels: Vec<i16> = group.iter().map(|text| text.is_some().into()).collect();
        column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
        column.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        let values = vec![ByteArray::from("en"); group.len()];
        column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
        rows.close().unwrap();
    }
    writer.into_inner().unwrap()
}

pub fn some(texts: &[String]) -> Vec<Option<String>> {
    texts.iter().cloned().map(Some).collect()
}

/// Writes a file into a folder.
pub fn file(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> InputFile {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(&path).unwrap().write_all(bytes.as_ref()).unwrap();
    InputFile { path, name: name.into() }
}

pub fn source(name: &str, files: Vec<InputFile>) -> Source {
    Source { name: name.into(), pattern: "p".into(), files, read: ReadOptions::default() }
}

pub fn job(sources: Vec<Source>) -> Job {
    Job {
        sources,
        tokenizer_json: "{}".into(),
        tokenizer_config_json: None,
        end: Some(END),
        held_out: HeldOut::new(0.0).unwrap(),
        deduplicate: false,
        skip_bad_rows: false,
        journal_bytes: 64 << 10,
    }
}

pub fn on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub fn prepare(job: &Job, out: &Path) -> Result<Manifest, Error> {
    maec_corpus::prepare(job, &BytesTokenizer, out, false, &mut on)
}

/// Every file of a folder with its bytes, sorted.
pub fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}
