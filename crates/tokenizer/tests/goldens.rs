//! Against what the Python package `tokenizers` 0.23.3 gives for the same files.

use std::path::{Path, PathBuf};
use std::{env, fs};

use maec_tokenizer::{Encoding, HfTokenizer, TextStream, Tokenizer, open};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    vocab_size: usize,
    cases: Vec<Case>,
    pairs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    with_special: Expected,
    ids_no_special: Vec<u32>,
    decode_keep_special: String,
    decode_skip_special: String,
}

#[derive(Deserialize)]
struct Pair {
    a: String,
    b: String,
    enc: Expected,
}

/// Offsets are in code points.
#[derive(Deserialize, Debug, PartialEq)]
struct Expected {
    ids: Vec<u32>,
    tokens: Vec<String>,
    offsets: Vec<(usize, usize)>,
    type_ids: Vec<u32>,
    special_tokens_mask: Vec<u32>,
    word_ids: Vec<Option<u32>>,
}

impl From<Encoding> for Expected {
    fn from(encoding: Encoding) -> Self {
        Self {
            ids: encoding.get_ids().to_vec(),
            tokens: encoding.get_tokens().to_vec(),
            offsets: encoding.get_offsets().to_vec(),
            type_ids: encoding.get_type_ids().to_vec(),
            special_tokens_mask: encoding.get_special_tokens_mask().to_vec(),
            word_ids: encoding.get_word_ids().to_vec(),
        }
    }
}

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/tokenizers")
}

fn compare(folder: &Path) {
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("the golden is there");
    let json = read("tokenizer.json");
    let golden: Golden = serde_json::from_str(&read("golden.json")).expect("the golden is JSON");
    let tokenizer = HfTokenizer::from_json(&json).expect("the tokenizer opens");
    let opened = open(&json, None).expect("the tokenizer opens");
    assert_eq!(tokenizer.vocab_size(), golden.vocab_size);
    assert!(tokenizer.describe().ends_with(&format!(" with {} tokens", golden.vocab_size)));
    assert_eq!(maec_tokenizer::Outline::from_json(&json).unwrap().to_string(), tokenizer.describe());
    assert!(golden.cases.len() > 50 && golden.pairs.len() == 5);
    for case in golden.cases {
        let text = case.text.as_str();
        let ids = &case.with_special.ids;
        assert_eq!(opened.encode(text, true).unwrap(), *ids, "{text:?}");
        assert_eq!(opened.encode(text, false).unwrap(), case.ids_no_special, "{text:?}");
        assert_eq!(opened.decode(ids).unwrap(), case.decode_skip_special, "{text:?}");
        assert_eq!(tokenizer.decode_with_special(ids).unwrap(), case.decode_keep_special, "{text:?}");
        for (token, &id) in case.with_special.tokens.iter().zip(ids) {
            assert!(tokenizer.id_of(token).is_none_or(|found| found == id), "{token:?}");
        }
        assert_eq!(streamed(&*opened, ids), case.decode_skip_special, "{text:?}");
        assert_eq!(Expected::from(tokenizer.encoding(text, true).unwrap()), case.with_special, "{text:?}");
    }
    for Pair { a, b, enc } in golden.pairs {
        assert_eq!(Expected::from(tokenizer.pair_encoding(&a, &b, true).unwrap()), enc, "{a:?} {b:?}");
    }
}

/// Any ids at all, half characters and special tokens among them, make the same text in pieces as at once.
fn stream_any_ids(folder: &Path) {
    let json = fs::read_to_string(folder.join("tokenizer.json")).expect("the golden is there");
    let tokenizer = open(&json, None).expect("the tokenizer opens");
    let ids = prop::collection::vec(0..tokenizer.vocab_size() as u32 + 2, 0..40);
    proptest!(|(ids in ids)| {
        prop_assert_eq!(streamed(&*tokenizer, &ids), tokenizer.decode(&ids).unwrap());
    });
}

fn streamed(tokenizer: &dyn Tokenizer, ids: &[u32]) -> String {
    let mut stream = TextStream::new(tokenizer);
    let mut text = String::new();
    for &id in ids {
        text += &stream.push(id).unwrap();
    }
    text + &stream.finish().unwrap()
}

#[test]
fn smollm2() {
    compare(&committed().join("bpe_smollm2"));
    stream_any_ids(&committed().join("bpe_smollm2"));
}

#[test]
fn gemma() {
    compare(&committed().join("bpe_gemma"));
    stream_any_ids(&committed().join("bpe_gemma"));
}

/// The demo's tokenizer is known to both; the small one is taken.
#[test]
fn word_level() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs/demo/tokenizer.json");
    let json = fs::read_to_string(path).expect("the demo pack is there");
    let (words, library) = (open(&json, None).unwrap(), HfTokenizer::from_json(&json).unwrap());
    assert_eq!(words.describe(), library.describe());
    for text in ["Tom has 12 apples .", "", "  no-such-word 7 "] {
        for special in [false, true] {
            assert_eq!(
                words.encode(text, special).unwrap(),
                library.encode(text, special).unwrap(),
                "{text:?}"
            );
        }
    }
}

/// Needs the full set of outside references.
#[test]
#[ignore = "MAEC_FIXTURES names the full set"]
fn all_families() {
    let fixtures = env::var_os("MAEC_FIXTURES").expect("MAEC_FIXTURES names the full set");
    for name in ["bpe_gemma", "bpe_llama3", "bpe_qwen2", "bpe_smollm2", "unigram_xlmr", "wordpiece_mbert"] {
        compare(&Path::new(&fixtures).join("tokenizers").join(name));
        stream_any_ids(&Path::new(&fixtures).join("tokenizers").join(name));
    }
}
