//! The tokenizer: every word that the phrase books can say, in the Hugging Face `tokenizers` format.

use crate::content::{Form, LARGEST_WRITTEN, NAMES, PLACES, Sentence, THINGS};
use crate::grammar::PhraseBook;
use crate::science;
use crate::{Language, Numbers, World};
use std::collections::BTreeSet;

/// Token id of `<pad>`.
pub const PAD_ID: u32 = 0;
/// Token id of `<unk>`.
pub const UNKNOWN_ID: u32 = 1;
/// Token id of `<s>`, put before every text.
pub const START_ID: u32 = 2;
/// Token id of `</s>`, which ends a document and which training adds.
pub const END_ID: u32 = 3;

const SPECIALS: [&str; 4] = ["<pad>", "<unk>", "<s>", "</s>"];

/// The tokenizer without its words; as text, so that its bytes depend on no map's order.
const TOKENIZER: &str = r#"{
  "version": "1.0",
  "truncation": null,
  "padding": null,
  "added_tokens": [
@SPECIALS@
  ],
  "normalizer": null,
  "pre_tokenizer": @PRE_TOKENIZER@,
  "post_processor": {
    "type": "TemplateProcessing",
    "single": [
      {"SpecialToken": {"id": "<s>", "type_id": 0}},
      {"Sequence": {"id": "A", "type_id": 0}}
    ],
    "pair": [
      {"SpecialToken": {"id": "<s>", "type_id": 0}},
      {"Sequence": {"id": "A", "type_id": 0}},
      {"Sequence": {"id": "B", "type_id": 1}}
    ],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [2], "tokens": ["<s>"]}}
  },
  "decoder": null,
  "model": {
    "type": "WordLevel",
    "vocab": {
@VOCAB@
    },
    "unk_token": "<unk>"
  }
}
"#;

const TOKENIZER_CONFIG: &str = r#"{
  "tokenizer_class": "PreTrainedTokenizerFast",
  "pad_token": "<pad>",
  "unk_token": "<unk>",
  "bos_token": "<s>",
  "eos_token": "</s>",
  "clean_up_tokenization_spaces": false
}
"#;

const WHITESPACE: &str = r#"{"type": "WhitespaceSplit"}"#;
const DIGITS: &str = r#"{"type": "Digits", "individual_digits": true}"#;

impl World {
    /// Every token, by id: the four special ones, then the words in the order of their code points, then those that only
    /// the science has, in the same order, so that a world without it has the same ids. It depends on [`Numbers`] and on
    /// whether there is a science.
    pub fn vocabulary(&self) -> Vec<String> {
        let largest = match self.config().numbers {
            Numbers::Digits => 9,
            Numbers::Whole => LARGEST_WRITTEN,
        };
        let words = words().into_iter().chain((0..=largest).map(|number| number.to_string()));
        let sorted: BTreeSet<String> = words.collect();
        let science: BTreeSet<String> = match self.config().abilities.science() {
            true => science::words().into_iter().filter(|word| !sorted.contains(word)).collect(),
            false => BTreeSet::new(),
        };
        SPECIALS.map(str::to_owned).into_iter().chain(sorted).chain(science).collect()
    }

    /// The contents of `tokenizer.json`: a word-level model that splits at white space, and between digits where
    /// numbers are [`Numbers::Digits`]; `<s>` goes before every text.
    pub fn tokenizer_json(&self) -> String {
        let list = |entries: Vec<String>| entries.join(",\n");
        let special = |(id, token): (usize, &&str)| {
            format!(
                r#"    {{"id": {id}, "content": "{token}", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}}"#
            )
        };
        let vocabulary = self.vocabulary();
        let word = |(id, word): (usize, &String)| format!(r#"      "{word}": {id}"#);
        let pre_tokenizer = match self.config().numbers {
            Numbers::Digits => {
                format!(r#"{{"type": "Sequence", "pretokenizers": [{WHITESPACE}, {DIGITS}]}}"#)
            }
            Numbers::Whole => WHITESPACE.to_owned(),
        };
        TOKENIZER
            .replace("@SPECIALS@", &list(SPECIALS.iter().enumerate().map(special).collect()))
            .replace("@PRE_TOKENIZER@", &pre_tokenizer)
            .replace("@VOCAB@", &list(vocabulary.iter().enumerate().map(word).collect()))
    }

    /// The contents of `tokenizer_config.json`.
    pub fn tokenizer_config_json(&self) -> String {
        TOKENIZER_CONFIG.to_owned()
    }
}

/// Every word but the numbers, found by saying every form about every thing and place, once and several times.
fn words() -> BTreeSet<String> {
    let mut texts = vec![NAMES.join(" ")];
    for language in Language::ALL {
        let book = PhraseBook::of(language);
        texts.push(book.answer.to_owned());
        for form in Form::ALL {
            for thing in 0..THINGS.max(PLACES) {
                for number in [1, 2] {
                    let place = (thing % PLACES) as u8;
                    let sentence = Sentence { b: 2, place, ..Sentence::new(form, 0, number, thing as u8) };
                    texts.push(book.tell(&[sentence]));
                }
            }
        }
    }
    let words = texts.iter().flat_map(|text| text.split(' '));
    words.filter(|word| word.parse::<u32>().is_err()).map(str::to_owned).collect()
}
