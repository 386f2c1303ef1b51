//! Files that nobody should trust: each is opened or refused with a message of one line, and never stops the program.

use std::fs;
use std::path::Path;

use maec_tokenizer::{HfTokenizer, TextStream, TokenizerError, open};
use proptest::prelude::*;
use serde_json::{Value, json};

const TEXTS: [&str; 6] =
    ["", " a  b\n", "Hello, wörld! 123", "<bos>x<|im_end|> <s>", "৩ à¦ 在\u{200D}🙂", "ﷺ½\0\u{FFFD}"];

fn golden(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/tokenizers");
    let text = fs::read_to_string(folder.join(name).join("tokenizer.json")).expect("the golden is there");
    serde_json::from_str(&text).expect("the golden is JSON")
}

/// A small BPE tokenizer whose parts are added to.
fn small() -> Value {
    json!({
        "version": "1.0", "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
        "added_tokens": [{"id": 5, "content": "<s>", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}],
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, " ": 3, "?": 4}, "merges": [["a", "b"]], "unk_token": "?"},
    })
}

fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut file = small();
    change(&mut file);
    file.to_string()
}

fn refusal(file: &str) -> TokenizerError {
    let error = HfTokenizer::from_json(file).err().expect("the file is refused");
    let message = error.to_string();
    assert!(!message.contains('\n') && message.len() < 1000, "{message}");
    error
}

/// Uses a tokenizer in every way, if the file gives one.
fn exercise(file: &str) {
    match open(file, None) {
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
        Ok(tokenizer) => {
            for text in TEXTS {
                if let Ok(ids) = tokenizer.encode(text, true) {
                    let mut stream = TextStream::new(&*tokenizer);
                    if ids.iter().all(|&id| stream.push(id).is_ok()) {
                        drop(stream.finish());
                    }
                }
            }
            drop(tokenizer.decode(&[0, 1, 2, 5, u32::MAX]));
            drop(tokenizer.describe());
        }
    }
    if let Ok(tokenizer) = HfTokenizer::from_json(file) {
        drop(tokenizer.pair_encoding(TEXTS[2], TEXTS[4], true));
    }
}

#[test]
fn the_small_file_is_sound() {
    let tokenizer = open(&small().to_string(), None).unwrap();
    assert_eq!(tokenizer.encode("ab<s>ba", true).unwrap(), [2, 5, 1, 0]);
    assert_eq!(tokenizer.describe(), "BPE with 6 tokens");
}

#[test]
fn what_can_not_be_honoured_is_named() {
    let part = |name: &str, value: Value| refusal(&with(|file| file[name] = value)).to_string();
    let model = |name: &str, value: Value| refusal(&with(|file| file["model"][name] = value)).to_string();
    assert_eq!(
        model("dropout", json!(0.5)),
        "tokenizer.json: model.dropout `0.5` is not supported here; expected none"
    );
    assert!(model("max_input_chars_per_word", json!(1u64 << 40)).contains("at most 1000 characters"));
    assert!(model("continuing_subword_prefix", json!("##")).contains("expected none for BPE"));
    assert!(model("merges", json!([["ab", "ab"]])).contains("`4 bytes` is not supported"));
    assert!(model("merges", json!(["ab ab"])).contains("`4 bytes` is not supported"));
    assert!(model("merges", json!(["b a"])).starts_with("tokenizer.json is refused: "));
    assert!(model("type", json!("Neural")).starts_with("tokenizer.json is refused: "));
    assert!(part("version", json!("9.0")).contains("Unknown tokenizer version '9.0'"));
    assert!(part("normalizer", json!("NFC")).contains("a part with a `type`"));
    assert!(part("decoder", json!({"type": "Unknown"})).starts_with("tokenizer.json is refused"));
    let fixed = json!({"type": "Sequence", "pretokenizers": [{"type": "FixedLength", "length": 0}]});
    assert!(part("pre_tokenizer", fixed).contains("`FixedLength` is not supported"));
    let table = json!({"type": "Precompiled", "precompiled_charsmap": "////f4A="});
    assert!(part("normalizer", table).contains("a whole table of replacements"));
    let suffix = json!({"type": "BPEDecoder", "suffix": "</w>"});
    assert!(part("decoder", suffix).contains("`BPEDecoder` is not supported"));
    let strip = json!({"type": "Strip", "content": " ", "start": 1, "stop": 1});
    assert!(part("decoder", strip).contains("strips at the start alone"));
    let twice = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaaaa"});
    let sequence = json!({"type": "Sequence", "normalizers": [twice, twice]});
    assert!(part("normalizer", sequence).contains("within 64 times"));
}

#[test]
fn templates_are_whole() {
    let a = json!({"Sequence": {"id": "A", "type_id": 0}});
    let b = json!({"Sequence": {"id": "B", "type_id": 1}});
    let start = json!({"SpecialToken": {"id": "<s>", "type_id": 0}});
    let tokens = json!({"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]}});
    let template = |single: Value, pair: Value| json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens});
    let file = |part: Value| with(|file| file["post_processor"] = part);
    let whole = template(json!([start, a]), json!([a, b]));
    assert_eq!(open(&file(whole.clone()), None).unwrap().encode("a", true).unwrap(), [5, 0]);
    for (single, pair) in
        [(json!([b]), json!([a, b])), (json!([a]), json!([a])), (json!([a, a]), json!([a, b]))]
    {
        assert!(refusal(&file(template(single, pair))).to_string().contains("names each text once"));
    }
    let unknown = json!({"SpecialToken": {"id": "<x>", "type_id": 0}});
    let error = refusal(&file(template(json!([a, unknown]), json!([a, b]))));
    assert_eq!(error.to_string(), "tokenizer.json: the token `<x>` is not in the vocabulary");
    let twice = json!({"type": "Sequence", "processors": [whole, whole]});
    assert!(refusal(&file(twice)).to_string().contains("expected one template"));
}

#[test]
fn an_added_token_keeps_its_id() {
    let error = refusal(&with(|file| file["added_tokens"][0]["id"] = json!(99)));
    let message = "the added token `<s>` is declared with the id 99, but the vocabulary gives it 5";
    assert_eq!(error.to_string(), message);
}

#[test]
fn the_config_adds_tokens() {
    let config = |id: &str, content: &str| {
        let token = json!({"content": content, "lstrip": false, "rstrip": false, "normalized": false, "single_word": false, "special": true});
        json!({"added_tokens_decoder": {id: token, "5": small()["added_tokens"][0]}}).to_string()
    };
    let tokenizer = open(&small().to_string(), Some(&config("6", "<end>"))).unwrap();
    let ids = tokenizer.encode("a<end>", true).unwrap();
    assert_eq!((ids.as_slice(), tokenizer.decode(&ids).unwrap().as_str()), (&[0, 6][..], "a"));
    let message = |config: &str| open(&small().to_string(), Some(config)).err().unwrap().to_string();
    assert!(message(&config("8", "<end>")).contains("declared with the id 8"));
    assert!(message(&config("9999999", "<end>")).contains("more than 1048576 tokens"));
    assert!(message("{").starts_with("tokenizer_config.json is not readable"));
    assert!(message(r#"{"added_tokens_decoder":{"x":{}}}"#).starts_with("tokenizer_config.json"));
}

#[test]
fn a_long_text_is_refused() {
    let error =
        open(&small().to_string(), None).unwrap().encode(&"a".repeat((16 << 20) + 1), true).unwrap_err();
    assert_eq!(error.to_string(), "the text has 16777217 bytes; encode at most 16777216 at once");
}

#[test]
fn a_text_without_tokens_is_an_error_not_a_loss() {
    let file = with(
        |file| file["model"] = json!({"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}),
    );
    let file = file.replace("\"id\":5", "\"id\":1");
    let error = open(&file, None).unwrap().encode("b", true).unwrap_err();
    assert!(error.to_string().starts_with("the text can't be encoded: "), "{error}");
}

/// Every place in a value, by pointer; vocabularies only by their first entries.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    let keep = if at.ends_with("vocab") || at.ends_with("merges") { 3 } else { 40 };
    match value {
        Value::Object(map) => {
            for (key, inner) in map.iter().take(keep) {
                places(inner, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate().take(keep) {
                places(inner, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn junk() -> Vec<Value> {
    let parts = [
        json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}),
        json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}),
        json!({"type": "Split", "pattern": {"Regex": "(?=a)|()"}, "behavior": "Isolated", "invert": true}),
        json!({"type": "Split", "pattern": {"String": ""}, "behavior": "MergedWithNext", "invert": false}),
        json!({"type": "Replace", "pattern": {"Regex": "x*"}, "content": "é"}),
        json!({"type": "Strip", "content": "a", "start": 9, "stop": 0, "strip_left": true, "strip_right": true}),
        json!({"type": "Prepend", "prepend": "▁"}),
        json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true}),
        json!({"type": "BertPreTokenizer"}),
        json!({"type": "UnicodeScripts"}),
        json!({"type": "Digits", "individual_digits": true}),
        json!({"type": "FixedLength", "length": 1}),
        json!({"type": "WordPiece", "prefix": "", "cleanup": true}),
        json!({"type": "CTC", "pad_token": "", "word_delimiter_token": "", "cleanup": true}),
        json!({"type": "BPEDecoder", "suffix": ""}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
        json!({"type": "NFKD"}),
        json!({"type": "StripAccents"}),
        json!({"type": "BertProcessing", "sep": ["<s>", 5], "cls": ["<s>", 5]}),
        json!({"type": "RobertaProcessing", "sep": ["<s>", 5], "cls": ["<s>", 5], "trim_offsets": true, "add_prefix_space": true}),
        json!({"type": "Sequence", "normalizers": [], "pretokenizers": [], "decoders": [], "processors": []}),
        json!({"type": "Unigram", "vocab": [["a", 0.0], ["", -1.0], ["a", -2.0]], "unk_id": null, "byte_fallback": true}),
        json!({"type": "Unigram", "vocab": [], "unk_id": 0}),
        json!({"type": "WordLevel", "vocab": {"": 0}, "unk_token": ""}),
        json!({"type": "BPE", "vocab": {"a": 0, "aa": 1, "": 2}, "merges": [["a", "a"], ["", "a"]], "byte_fallback": true, "fuse_unk": true, "unk_token": "a"}),
        json!({"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 5}),
        json!({"strategy": {"Fixed": 1000000000000u64}, "direction": "Right", "pad_to_multiple_of": 0, "pad_id": 0, "pad_type_id": 0, "pad_token": ""}),
    ];
    let plain = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(1),
        json!(5),
        json!(4294967295u64),
        json!(1e300),
        json!(""),
        json!("a"),
        json!("A"),
        json!("▁"),
        json!("##"),
        json!("\\"),
        json!("(("),
        json!("First"),
        json!([]),
        json!({}),
        json!([[]]),
        json!("(a+)+$"),
        json!(["a", "b"]),
    ];
    parts.into_iter().chain(plain).collect()
}

/// Puts junk at `changes` of its places.
fn spoil(mut file: Value, changes: &[(prop::sample::Index, prop::sample::Index)]) -> String {
    let junk = junk();
    for (place, value) in changes {
        let mut found = Vec::new();
        places(&file, "", &mut found);
        if let Some(spot) = file.pointer_mut(&found[place.index(found.len())]) {
            *spot = junk[value.index(junk.len())].clone();
        }
    }
    file.to_string()
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, prop::sample::Index)>> {
    prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 1..4)
}

/// Every part that the library knows, in every place that takes a part.
#[test]
fn every_part_in_every_place() {
    for part in junk() {
        for name in
            ["normalizer", "pre_tokenizer", "post_processor", "decoder", "model", "truncation", "padding"]
        {
            exercise(&with(|file| file[name] = part.clone()));
        }
    }
}

proptest! {
    #[test]
    fn spoilt_files(which in 0..3_usize, changes in changes()) {
        let file = [small(), golden("bpe_smollm2"), golden("bpe_gemma")][which].clone();
        exercise(&spoil(file, &changes));
    }

    #[test]
    fn cut_files(cut in any::<prop::sample::Index>()) {
        let file = golden("bpe_gemma").to_string();
        let end = (0..=cut.index(file.len())).rev().find(|end| file.is_char_boundary(*end)).unwrap_or(0);
        exercise(&file[..end]);
    }
}

/// The same for the other families.
#[test]
#[ignore = "MAEC_FIXTURES names the full set"]
fn all_families_spoilt() {
    let fixtures = std::env::var_os("MAEC_FIXTURES").expect("MAEC_FIXTURES names the full set");
    for name in ["bpe_llama3", "bpe_qwen2", "unigram_xlmr", "wordpiece_mbert"] {
        let path = Path::new(&fixtures).join("tokenizers").join(name).join("tokenizer.json");
        let file: Value =
            serde_json::from_str(&fs::read_to_string(path).expect("it is there")).expect("it is JSON");
        proptest!(ProptestConfig::with_cases(64), |(changes in changes())| exercise(&spoil(file.clone(), &changes)));
    }
}
