//! The tokenizer against everything that the world says, through a reader of the WordLevel format of a few lines.

use maec_world::{Abilities, END_ID, Language, Numbers, PAD_ID, START_ID, UNKNOWN_ID, World, WorldConfig};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// `tokenizer.json` as a program that knows only the format reads it.
struct WordLevel {
    vocab: BTreeMap<String, u32>,
    single_digits: bool,
}

impl WordLevel {
    fn read(json: &str) -> Self {
        let file: Value = serde_json::from_str(json).expect("the tokenizer is JSON");
        assert_eq!(file["model"]["type"], "WordLevel");
        assert_eq!(file["model"]["unk_token"], "<unk>");
        let split = &file["pre_tokenizer"];
        let single_digits = split["type"] == "Sequence";
        let whitespace = if single_digits { &split["pretokenizers"][0] } else { split };
        assert_eq!(whitespace["type"], "WhitespaceSplit");
        if single_digits {
            assert_eq!(split["pretokenizers"][1]["type"], "Digits");
            assert_eq!(split["pretokenizers"][1]["individual_digits"], true);
        }
        let vocab = serde_json::from_value(file["model"]["vocab"].clone()).expect("words and ids");
        Self { vocab, single_digits }
    }

    fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = vec![START_ID];
        for word in text.split_whitespace() {
            let parts: Vec<String> = if self.single_digits && word.chars().all(char::is_numeric) {
                word.chars().map(String::from).collect()
            } else {
                vec![word.to_owned()]
            };
            ids.extend(parts.iter().map(|part| self.vocab.get(part).copied().unwrap_or(UNKNOWN_ID)));
        }
        ids
    }
}

fn world(numbers: Numbers, abilities: Abilities) -> World {
    let config = WorldConfig { numbers, abilities, base_documents: 40_000, ..WorldConfig::default() };
    let config = match abilities.science() {
        true => WorldConfig {
            general_documents: 4_000,
            ability_documents: 4_000,
            base_documents: 10_000,
            ..config
        },
        false => config,
    };
    World::new(config).expect("the configuration is valid")
}

/// Every text of the world.
fn texts(world: &World) -> Vec<String> {
    let mut texts: Vec<String> = world.base().map(|document| document.text).collect();
    for language in Language::ALL {
        let documents =
            world.general(language).chain(world.ability_in(language)).chain(world.heldout(language));
        texts.extend(documents.map(|document| document.text));
        let problems = world.validation(language).into_iter().chain(world.test(language));
        texts.extend(problems.map(|problem| problem.question));
        if world.config().abilities.science() {
            texts.extend(world.science_in(language).map(|document| document.text));
            let questions =
                world.science_validation(language).into_iter().chain(world.science_test(language));
            texts.extend(questions.map(|question| question.question));
        }
    }
    texts
}

#[test]
fn no_text_has_an_unknown_word_and_no_word_is_unused() {
    for (numbers, abilities) in [
        (Numbers::Digits, Abilities::Arithmetic),
        (Numbers::Whole, Abilities::Arithmetic),
        (Numbers::Whole, Abilities::Both),
    ] {
        let world = world(numbers, abilities);
        let tokenizer = WordLevel::read(&world.tokenizer_json());
        let mut used = BTreeSet::from([PAD_ID, UNKNOWN_ID, START_ID, END_ID]);
        for text in texts(&world) {
            let ids = tokenizer.encode(&text);
            assert!(!ids.contains(&UNKNOWN_ID), "{text}");
            // With `</s>`, a document fits a context of 48.
            assert!(ids.len() < 48, "{} tokens: {text}", ids.len());
            used.extend(ids);
        }
        let unused: Vec<&String> =
            tokenizer.vocab.iter().filter(|(_, id)| !used.contains(*id)).map(|(word, _)| word).collect();
        // No text writes a zero but as a digit.
        let expected: &[&str] = if numbers == Numbers::Whole { &["0"] } else { &[] };
        assert_eq!(unused, expected);
    }
}

#[test]
fn ids_are_dense_and_sorted() {
    let world = world(Numbers::Digits, Abilities::Arithmetic);
    let vocabulary = world.vocabulary();
    assert_eq!(vocabulary[..4], ["<pad>", "<unk>", "<s>", "</s>"]);
    assert!(vocabulary[4..].is_sorted());
    assert!((200..=260).contains(&vocabulary.len()), "{} tokens", vocabulary.len());
    let tokenizer = WordLevel::read(&world.tokenizer_json());
    assert_eq!(tokenizer.vocab.len(), vocabulary.len());
    for (id, word) in vocabulary.iter().enumerate() {
        assert_eq!(tokenizer.vocab[word] as usize, id, "{word}");
    }
}

#[test]
fn a_science_adds_words_and_moves_none() {
    let [without, with] = [Abilities::Arithmetic, Abilities::Both]
        .map(|abilities| world(Numbers::Whole, abilities).vocabulary());
    assert!(with.starts_with(&without));
    let added = &with[without.len()..];
    assert!(added.is_sorted() && added.iter().all(|word| !without.contains(word)));
    assert!((220..=240).contains(&added.len()), "{} words", added.len());
    assert_eq!(with, world(Numbers::Whole, Abilities::Science).vocabulary());
}

#[test]
fn special_tokens_are_where_training_expects_them() {
    let world = world(Numbers::Digits, Abilities::Arithmetic);
    let file: Value = serde_json::from_str(&world.tokenizer_json()).expect("the tokenizer is JSON");
    let added = file["added_tokens"].as_array().expect("a list");
    for (token, id, content) in
        [(0, PAD_ID, "<pad>"), (1, UNKNOWN_ID, "<unk>"), (2, START_ID, "<s>"), (3, END_ID, "</s>")]
    {
        assert_eq!(added[token]["id"], id);
        assert_eq!(added[token]["content"], content);
        assert_eq!(added[token]["special"], true);
    }
    assert_eq!(file["post_processor"]["special_tokens"]["<s>"]["ids"][0], START_ID);
    let config: Value =
        serde_json::from_str(&world.tokenizer_config_json()).expect("the configuration is JSON");
    assert_eq!(config["eos_token"], "</s>");
}
