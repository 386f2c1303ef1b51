//! The page about mergekit files says what is so.
#![cfg(feature = "yaml")]

use maec_recipe::mergekit::{Config, looks_like_mergekit};

const PAGE: &str = include_str!("../../../docs/mergekit.md");

/// The blocks of code that open with this line.
fn blocks(opening: &str) -> Vec<&'static str> {
    let opening = format!("```{opening}\n");
    PAGE.match_indices(&opening)
        .map(|(at, _)| PAGE[at + opening.len()..].split("```").next().unwrap())
        .collect()
}

#[test]
fn its_examples_are_read() {
    let examples = blocks("yaml");
    assert_eq!(examples.len(), 5);
    for example in examples {
        assert!(looks_like_mergekit(example));
        let config = Config::from_yaml(example).unwrap_or_else(|error| panic!("{error}\n{example}"));
        assert_eq!(Config::from_yaml(&config.to_yaml()), Ok(config));
    }
}

#[test]
fn its_bad_examples_are_refused_in_the_words_it_gives() {
    let examples = blocks("yaml refused");
    assert_eq!(examples.len(), 3);
    for example in examples {
        let expected = example.lines().last().and_then(|line| line.strip_prefix("# ")).unwrap();
        assert_eq!(Config::from_yaml(example).unwrap_err().to_string(), expected);
    }
}

#[test]
fn its_table_has_every_key_of_a_file() {
    let error = Config::from_yaml("qqqqqqqqqqqqqqqqqqqqqqqqqqqq: 1").unwrap_err().to_string();
    let keys: Vec<_> = error.split("give ").nth(1).unwrap().split(" or ").collect();
    assert_eq!(keys.len(), 13);
    for key in keys {
        assert!(
            PAGE.contains(&format!("| {key}"))
                || PAGE.contains(&format!(", {key}"))
                || PAGE.contains(&format!("or {key} |")),
            "{key}"
        );
    }
}
