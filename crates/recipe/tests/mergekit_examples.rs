//! The page about mergekit files says what is so, and every file that mergekit took is taken here.
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

#[test]
fn every_file_that_mergekit_merged_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/mergekit");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    assert!(files.len() > 30, "{}", files.len());
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(looks_like_mergekit(&text), "{}", path.display());
        let config = Config::from_yaml(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(Config::from_yaml(&config.to_yaml()), Ok(config), "{}", path.display());
    }
}
