//! Small vocabularies.
#![allow(dead_code, reason = "every test file uses its own part")]

use maec_merge::vocabulary::{Named, Vocabulary};

/// A `tokenizer.json` of a `model.vocab` and `added_tokens`.
pub fn tokenizer(vocab: &str, added: &str) -> String {
    format!(
        r#"{{"version":"1.0","added_tokens":{added},"model":{{"type":"WordLevel","vocab":{vocab},"unk_token":"<unk>"}}}}"#
    )
}

/// Plain tokens, whose ids are their places, and added ones: text, id, special (and then not normalised).
pub fn vocabulary(plain: &[&str], added: &[(&str, u32, bool)]) -> Vocabulary {
    let plain: serde_json::Map<_, _> =
        (0u32..).zip(plain).map(|(id, text)| ((*text).to_owned(), id.into())).collect();
    let added = added.iter().map(|(content, id, special)| {
        serde_json::json!({"id": id, "content": content, "special": special, "normalized": !special})
    });
    let added: serde_json::Value = added.collect();
    let text = tokenizer(&serde_json::Value::Object(plain).to_string(), &added.to_string());
    Vocabulary::from_tokenizer_json(&text).expect("a vocabulary")
}

/// Models to unite.
pub fn named<'a>(models: &'a [(&'a str, Vocabulary)]) -> Vec<Named<'a>> {
    models.iter().map(|(name, vocabulary)| Named { name, vocabulary }).collect()
}

/// Three models that mergekit 0.1.5 was run on; the last one's embedding is padded to 8 rows.
pub fn abc() -> [(&'static str, Vocabulary); 3] {
    let unk = ("<unk>", 0, true);
    let a = vocabulary(&["<unk>", "the", "cat"], &[unk, ("<s>", 3, true)]);
    let b = vocabulary(&["<unk>", "cat", "dog", "fox"], &[unk, ("<t>", 4, true), ("<s>", 5, true)]);
    let c = vocabulary(&["<unk>", "dog", "emu"], &[unk, ("plainadd", 3, false)]).with_rows(8);
    [("A", a), ("B", b), ("C", c)]
}
