//! A `tokenizer.json` that anyone may have written is read or refused in one line.
#![cfg(not(target_arch = "wasm32"))]

mod vocabularies;

use maec_merge::vocabulary::{
    Embedding, MAX_BYTES, MAX_TOKENS, Spec, TokenRule, Vocabulary, VocabularyError, unite,
};
use proptest::prelude::*;
use vocabularies::{named, tokenizer, vocabulary};

fn refused(vocab: &str, added: &str) -> String {
    let error = Vocabulary::from_tokenizer_json(&tokenizer(vocab, added)).expect_err("refused");
    let message = error.to_string();
    assert!(!message.contains(['\n', '\u{202e}', '\u{1b}']) && message.len() < 400, "{message}");
    message
}

#[test]
fn what_is_no_tokenizer_is_said_so() {
    for text in [
        "",
        "[]",
        "{}",
        "null",
        r#"{"model":{}}"#,
        r#"{"model":{"vocab":5}}"#,
        "{\"model\":{\"vocab\":{\"a\":0",
    ] {
        let error = Vocabulary::from_tokenizer_json(text).expect_err("refused");
        assert!(matches!(error, VocabularyError::Json(_)), "{text}: {error}");
        assert!(!error.to_string().contains('\n'));
    }
    for vocab in
        [r#"{"a":-1}"#, r#"{"a":1.5}"#, r#"{"a":"0"}"#, r#"[["a"]]"#, r#"[["a",1,2]]"#, r#"[[1,2.0]]"#]
    {
        assert!(refused(vocab, "[]").starts_with("not a tokenizer.json"), "{vocab}");
    }
    for added in ["null", "{}", r#"[{"id":0}]"#, r#"[{"content":"a"}]"#, r#"[{"id":-1,"content":"a"}]"#] {
        assert!(refused(r#"{"a":0}"#, added).starts_with("not a tokenizer.json"), "{added}");
    }
    assert_eq!(refused("{}", "[]"), "tokenizer.json has no tokens; copy or download it again");
}

#[test]
fn nested_lists_do_not_overflow_the_stack() {
    let deep = "[".repeat(200_000);
    let text = format!(r#"{{"normalizer":{deep},"model":{{"vocab":{{}}}}}}"#);
    assert!(matches!(Vocabulary::from_tokenizer_json(&text), Err(VocabularyError::Json(_))));
}

#[test]
fn tokens_and_ids_occur_once() {
    assert!(refused(r#"{"a":0,"b":0}"#, "[]").contains("the id 0 stands for both `a` and `b`"));
    assert!(refused(r#"{"a":0,"a":1}"#, "[]").contains("`a` occurs twice"));
    assert!(refused(r#"[["a",0],["a",-1.5]]"#, "[]").contains("`a` occurs twice"));
    assert!(refused(r#"{"a":0}"#, r#"[{"id":0,"content":"<s>"}]"#).contains("both `a` and `<s>`"));
    let nasty = format!("{}\\n\\u001b\\u202e", "x".repeat(10_000));
    assert!(refused(&format!(r#"{{"{nasty}":0,"\u202e\n":0}}"#), "[]").contains("xxx…` and `\\u{202e}\\n`"));
}

#[test]
fn sizes_are_bounded() {
    let error = Vocabulary::from_tokenizer_json(&" ".repeat(MAX_BYTES + 1)).expect_err("refused");
    assert_eq!(error.to_string(), "tokenizer.json has 67108865 bytes; at most 67108864 are read");
    assert!(refused(r#"{"a":1048576}"#, "[]").contains("more than 1048576 tokens"));
    assert!(
        refused(r#"{"a":0}"#, r#"[{"id":4294967295,"content":"b"}]"#).contains("more than 1048576 tokens")
    );
    let last = Vocabulary::from_tokenizer_json(&tokenizer(r#"{"a":1048575}"#, "[]")).expect("read");
    assert_eq!((last.len(), last.rows(), last.first_gap()), (1, MAX_TOKENS, Some(0)));
    let models = [("A", vocabulary(&["a"], &[])), ("B", last)];
    let union = unite(&named(&models), None, &Spec::default()).expect("united");
    assert_eq!(union.vocabulary.len(), 1);
}

#[test]
fn an_added_token_of_the_model_has_the_models_id() {
    let text =
        tokenizer(r#"{"a":0,"b":1}"#, r#"[{"id":7,"content":"b","special":true},{"id":2,"content":"<s>"}]"#);
    let read = Vocabulary::from_tokenizer_json(&text).expect("read");
    assert_eq!((read.id("b"), read.id("<s>"), read.len(), read.first_gap()), (Some(1), Some(2), 3, None));
    let b = read.token(1).and_then(|token| token.added).expect("an added token");
    assert!(b.special && b.normalized);
}

#[test]
fn pieces_with_scores_are_read() {
    let read =
        Vocabulary::from_tokenizer_json(&tokenizer(r#"[["<unk>",0.0],["▁a",-1.5]]"#, "[]")).expect("read");
    assert_eq!((read.id("▁a"), read.rows(), read.row("▁a")), (Some(1), 2, Some(1)));
    assert_eq!(read.clone().with_rows(1).row("▁a"), None);
}

#[test]
fn the_empty_token_is_never_added() {
    let models = [("A", vocabulary(&["a"], &[])), ("B", vocabulary(&["", "a"], &[]))];
    let rule = TokenRule { token: String::new(), embedding: Embedding::Zero, force: false };
    for tokens in [vec![], vec![rule]] {
        let union = unite(&named(&models), None, &Spec { tokens, ..Spec::default() }).expect("united");
        assert_eq!(union.vocabulary.len(), 1);
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}", vocab in r#"[\[\]{}":,a0-9.\\-]{0,40}"#) {
        for text in [text, tokenizer(&vocab, "[]"), tokenizer("{}", &vocab)] {
            if let Ok(read) = Vocabulary::from_tokenizer_json(&text) {
                let models = [("A", read), ("B", vocabulary(&["a", "b"], &[("c", 2, true)]))];
                if let Ok(union) = unite(&named(&models), Some(0), &Spec::default()) {
                    let written = union.tokenizer_json(&text).expect("extended");
                    let back = Vocabulary::from_tokenizer_json(&written).expect("read");
                    prop_assert!(back.iter().eq(union.vocabulary.iter()));
                }
            }
        }
    }

    #[test]
    fn tokens_of_any_text_survive_the_file(token in "\\PC{0,8}|[\\x00-\\x7f]{0,8}") {
        let text = tokenizer(r#"{"a":0}"#, "[ ]");
        let models = [
            ("A", Vocabulary::from_tokenizer_json(&text).expect("read")),
            ("B", vocabulary(&[&token], &[])),
        ];
        let union = unite(&named(&models), None, &Spec::default()).expect("united");
        let back = Vocabulary::from_tokenizer_json(&union.tokenizer_json(&text).expect("extended")).expect("read");
        prop_assert_eq!(back.id(&token).is_some(), !token.is_empty());
    }
}
