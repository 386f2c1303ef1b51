//! Prepared folders hold what their sources hold, whatever happens on the way.

mod common;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use common::{
    BytesTokenizer, END, file, gzip, job, jsonl, on, parquet, prepare, some, source, texts, tokens, tree,
};
use maec_corpus::{Amount, Blocks, Corpus, Error, HeldOut, Job, Split, is_corpus};
use parquet::basic::Compression;
use parquet::file::properties::WriterVersion::PARQUET_2_0;

fn documents(blocks: &Blocks) -> Vec<Vec<u32>> {
    (0..blocks.documents()).map(|index| blocks.document(index).unwrap()).collect()
}

/// Two sources in three files of three formats.
fn two_sources(folder: &Path) -> Job {
    let texts = texts();
    let a = vec![
        file(folder, "a/1.jsonl.gz", gzip(&jsonl(&texts[..100]))),
        file(folder, "a/2.parquet", parquet(&some(&texts[100..200]), Compression::SNAPPY, PARQUET_2_0)),
    ];
    let b = (200..texts.len()).map(|i| file(folder, &format!("b/{i}.txt"), &texts[i])).collect();
    job(vec![source("a", a), source("b", b)])
}

#[test]
fn a_folder_holds_its_sources_documents_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (job, out, texts) = (two_sources(folder.path()), folder.path().join("out"), texts());
    let manifest = prepare(&job, &out).unwrap();
    let corpus = Corpus::open(&out).unwrap();
    corpus.verify().unwrap();
    assert_eq!((corpus.manifest(), manifest.bytes_per_token), (&manifest, 2));
    let expected: Vec<Vec<u32>> = texts.iter().map(|text| tokens(text)).collect();
    assert_eq!(documents(&corpus.blocks(Split::Train).unwrap()), expected);
    assert_eq!(documents(&corpus.source("a", Split::Train).unwrap()), expected[..200]);
    assert_eq!(documents(&corpus.source("b", Split::Train).unwrap()), expected[200..]);
    assert_eq!(corpus.blocks(Split::HeldOut).unwrap().documents(), 0);
    let amount = |part: &[String]| Amount {
        documents: part.len() as u64,
        tokens: part.iter().map(|text| text.len() as u64 + 2).sum(),
        bytes: part.iter().map(|text| text.len() as u64).sum(),
    };
    assert_eq!(manifest.sources[0].train, amount(&texts[..200]));
    assert_eq!(manifest.sources[1].train, amount(&texts[200..]));
    let hash = maec_checkpoint::sha256_hex(&fs::read(folder.path().join("a/1.jsonl.gz")).unwrap());
    assert_eq!(
        (manifest.sources[0].files[0].sha256.as_str(), manifest.sources[1].files.len()),
        (&*hash, 104)
    );
    let error = corpus.source("c", Split::Train).err().unwrap().to_string();
    assert!(error.contains("no source `c`; it has a, b"), "{error}");
}

#[test]
fn threads_and_a_second_run_change_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let job = Job { held_out: HeldOut::new(0.2).unwrap(), deduplicate: true, ..two_sources(folder.path()) };
    let outs = [1, 3].map(|threads| {
        let out = folder.path().join(format!("out-{threads}"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| prepare(&job, &out)).unwrap();
        out
    });
    assert_eq!(tree(&outs[0]), tree(&outs[1]));
    // A prepared corpus may be replaced, other folders may not.
    assert!(is_corpus(&outs[0]));
    prepare(&job, &outs[0]).unwrap();
    assert_eq!(tree(&outs[0]), tree(&outs[1]));
    assert!(matches!(prepare(&job, &folder.path().join("a")), Err(Error::Output(_))));
}

#[test]
fn each_document_is_on_the_side_of_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let held_out = HeldOut::new(0.25).unwrap();
    let job = Job { held_out, ..two_sources(folder.path()) };
    prepare(&job, &folder.path().join("out")).unwrap();
    let corpus = Corpus::open(&folder.path().join("out")).unwrap();
    for split in Split::ALL {
        let expected: Vec<Vec<u32>> =
            texts().iter().filter(|text| held_out.split(text) == split).map(|text| tokens(text)).collect();
        assert!(expected.len() > 40);
        assert_eq!(documents(&corpus.blocks(split).unwrap()), expected);
    }
}

#[test]
fn empty_duplicate_and_bad_rows_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "{\"text\":\"one\"}\n{\"text\":\" \\n\"}\n{\"text\":\"one\"}\nnonsense\n{\"text\":\"a\\tb\"}\n{\"text\":null}\n{\"text\":\"two\"}\n";
    let files = vec![file(folder.path(), "x.jsonl", lines)];
    let job = Job { deduplicate: true, skip_bad_rows: true, ..job(vec![source("x", files)]) };
    let manifest = prepare(&job, &folder.path().join("out")).unwrap();
    let about = &manifest.sources[0];
    assert_eq!((about.train.documents, about.empty, about.duplicates, about.refused), (2, 2, 1, 2));
    let strict = |lines: &str| {
        fs::write(folder.path().join("x.jsonl"), lines).unwrap();
        let job = Job { skip_bad_rows: false, ..job.clone() };
        let error = prepare(&job, &folder.path().join("strict")).unwrap_err().to_string();
        assert!(!folder.path().join("strict.maec.tmp").exists());
        error
    };
    assert!(strict(lines).starts_with("x.jsonl: line 4: column 2: not a JSON object"));
    assert!(
        strict("{\"text\":\"ok\"}\n\n{\"text\":\"a\\tb\"}").starts_with("x.jsonl: line 3: the text can't be")
    );
    assert!(strict("{\"text\":\"\"}\n").contains("no document with text"));
    assert!(strict("").contains("no document with text"));
}

/// Runs a job and stops it after so many batches; `true` where it came to its end.
fn stopped(job: &Job, out: &Path, batches: usize) -> bool {
    let mut left = batches;
    let mut progress = |_: &_| {
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    match maec_corpus::prepare(job, &BytesTokenizer, out, true, &mut progress) {
        Ok(_) => true,
        Err(Error::Cancelled { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_stopped_preparation_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let texts = [texts(), texts()].concat();
    let files = vec![
        file(folder.path(), "1.jsonl", jsonl(&texts[..250])),
        file(folder.path(), "2.parquet", parquet(&some(&texts[250..]), Compression::SNAPPY, PARQUET_2_0)),
    ];
    let job = Job {
        held_out: HeldOut::new(0.1).unwrap(),
        deduplicate: true,
        journal_bytes: 2 << 10,
        ..job(vec![source("x", files)])
    };
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    assert_eq!(prepare(&job, &whole).unwrap().sources[0].duplicates, 304);
    let mut runs = 1;
    while !stopped(&job, &parts, 2) {
        // What a kill leaves after the last entry of the journal is cut off.
        let tokens = folder.path().join("parts.maec.tmp/train-tokens.bin");
        let mut longer = fs::read(&tokens).unwrap();
        longer.extend([7; 999]);
        fs::write(&tokens, longer).unwrap();
        runs += 1;
    }
    assert!(runs > 4, "{runs}");
    assert_eq!(tree(&parts), tree(&whole));
}

#[test]
fn another_job_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let (begun, out) = (two_sources(folder.path()), folder.path().join("out"));
    assert!(!stopped(&begun, &out, 1));
    let resumed = |job: &Job| {
        let error = maec_corpus::prepare(job, &BytesTokenizer, &out, true, &mut on).unwrap_err().to_string();
        assert!(folder.path().join("out.maec.tmp/.maec-journal.json").exists());
        error
    };
    let other = Job { held_out: HeldOut::new(0.5).unwrap(), ..begun.clone() };
    assert!(resumed(&other).contains("held_out was 0.0 and is 0.5"), "{}", resumed(&other));
    let other = Job { end: None, ..begun.clone() };
    assert!(resumed(&other).contains("end was 257 and is null"));
    let text = fs::read(folder.path().join("b/200.txt")).unwrap();
    fs::write(folder.path().join("b/200.txt"), "changed").unwrap();
    assert!(resumed(&begun).contains("sources.1.files.0."));
    fs::write(folder.path().join("b/200.txt"), text).unwrap();
    // The journal is from before the file was written again: begin anew, and it works.
    prepare(&begun, &out).unwrap();
    assert!(!folder.path().join("out.maec.tmp").exists());
}

#[test]
fn what_can_be_told_at_once_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = || vec![file(folder.path(), "x.txt", "text")];
    let out = folder.path().join("out");
    let twice = job(vec![source("x", file()), source("x", file())]);
    assert!(matches!(prepare(&twice, &out), Err(Error::SameName { .. })));
    let end = Job { end: Some(END + 1), ..job(vec![source("x", file())]) };
    assert!(prepare(&end, &out).unwrap_err().to_string().contains("258 tokens"));
    assert!(!out.exists() && !folder.path().join("out.maec.tmp").exists());
}

#[test]
fn damaged_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let refused = |name: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let _ = fs::remove_dir_all(&out);
        prepare(&two_sources(folder.path()), &out).unwrap();
        fs::write(out.join(name), change(fs::read(out.join(name)).unwrap())).unwrap();
        let read = Corpus::open(&out).and_then(|corpus| {
            let blocks = corpus.blocks(Split::Train)?;
            (0..blocks.windows(64)?).try_for_each(|index| blocks.window(index, 64).map(drop))
        });
        read.unwrap_err().to_string()
    };
    let json = |from: &'static str, to: &'static str| {
        move |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(from, to).into_bytes()
    };
    assert!(refused("corpus.json", &|_| b"{".to_vec()).contains("is no prepared corpus"));
    assert!(refused("corpus.json", &json("\"maec_corpus\": 1", "\"maec_corpus\": 9")).contains("version 9"));
    assert!(
        refused("corpus.json", &json("\"bytes_per_token\": 2", "\"bytes_per_token\": 3")).contains("width")
    );
    let more = json("\"documents\": 200", "\"documents\": 18446744073709551615");
    assert!(refused("corpus.json", &more).contains("its length is not"));
    assert!(refused("train-tokens.bin", &|bytes| bytes[2..].to_vec()).contains("bytes instead of"));
    let token = |mut bytes: Vec<u8>| {
        bytes[101] = 0xff;
        bytes
    };
    assert!(refused("train-tokens.bin", &token).contains("outside the vocabulary of 258"));
    let start = |mut bytes: Vec<u8>| {
        bytes[16..24].fill(0xff);
        bytes
    };
    assert!(refused("train-documents.bin", &start).contains("one after the other"));
    fs::remove_dir_all(&out).unwrap();
    prepare(&two_sources(folder.path()), &out).unwrap();
    let mut tokenizer = fs::read(out.join("tokenizer.json")).unwrap();
    tokenizer[0] ^= 1;
    fs::write(out.join("tokenizer.json"), tokenizer).unwrap();
    assert!(Corpus::open(&out).unwrap().verify().unwrap_err().to_string().contains("SHA-256"));
    assert!(matches!(Corpus::open(folder.path()), Err(Error::NotACorpus { .. })));
}
