//! Recipes as text: what is read, what is refused, and in which words.

mod common;

use common::{any_recipe, exactly};
use maec_recipe::{MergeMethod, OutDtype, Recipe, RecipeError};
use proptest::prelude::*;

const JSON: &str = r#"{
  "version": 1,
  "merge_method": "maec",
  "base_model": "world/base",
  "ability": {"model": "world/a-l0"},
  "reference": {"model": "world/l0"},
  "languages": [
    {"name": "es", "model": "world/es", "weight": 0.45},
    {"name": "bn", "model": "world/bn", "weight": 0.36}
  ],
  "parameters": {"alpha": 0.8, "beta": 0.2, "gamma": 1.5, "eta": 1.0, "k2": 0.8}
}"#;

fn refused(from: &str, to: &str) -> String {
    assert!(JSON.contains(from), "{from}");
    let error = Recipe::from_json(&JSON.replace(from, to)).unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

#[test]
fn defaults() {
    let recipe = Recipe::from_json(JSON).unwrap();
    assert_eq!(recipe.merge_method, MergeMethod::Maec);
    assert_eq!(recipe.parameters.lambda, 0.5);
    assert_eq!(recipe.out_dtype, None);
    let bare = Recipe::from_json(&JSON.replace("0.8}\n", "0.8}}").replace(
        r#""parameters": {"alpha": 0.8, "beta": 0.2, "gamma": 1.5, "eta": 1.0, "k2": 0.8}}}"#,
        r#""select": {"include": ["*norm*"]}}"#,
    ))
    .unwrap();
    assert_eq!(bare.parameters, recipe.parameters);
    assert_eq!(bare.select.forced("model.norm.weight"), Some(true));
    assert_eq!(bare.select.forced("lm_head.weight"), None);
}

#[test]
fn exclude_wins() {
    let mut recipe = common::recipe();
    recipe.select.include = vec!["model.layers.1.*".into()];
    recipe.select.exclude = vec!["*.q_proj.*".into()];
    assert_eq!(recipe.select.forced("model.layers.1.self_attn.q_proj.weight"), Some(false));
    assert_eq!(recipe.select.forced("model.layers.1.self_attn.k_proj.weight"), Some(true));
}

#[test]
fn unknown_keys_are_named_with_their_line_and_the_nearest_spelling() {
    assert_eq!(
        refused("\"gamma\"", "\"gama\""),
        "unknown key `gama` in parameters (line 11): did you mean `gamma`?"
    );
    assert_eq!(
        refused("\"ability\"", "\"abilty\""),
        "unknown key `abilty` in the recipe (line 5): did you mean `ability`?"
    );
    assert_eq!(
        refused("\"weight\": 0.36", "\"wieght\": 0.36"),
        "unknown key `wieght` in languages (line 9): did you mean `weight`?"
    );
    assert_eq!(
        refused("{\"model\": \"world/l0\"}", "{\"path\": \"world/l0\"}"),
        "unknown key `path` in reference (line 6): give `model`"
    );
}

#[test]
fn unknown_words_are_named() {
    assert_eq!(refused("\"maec\"", "\"meac\""), "merge_method is `meac` (line 3): did you mean `maec`?");
    assert_eq!(
        refused("\"version\": 1", "\"version\": 1, \"out_dtype\": \"int8\""),
        "out_dtype is `int8` (line 2): give `float32` or `float16` or `bfloat16`"
    );
}

#[test]
fn missing_keys_are_named() {
    assert_eq!(
        refused("  \"base_model\": \"world/base\",\n", ""),
        "the recipe has no `base_model`: add it, for example `base_model: world/base`"
    );
    assert_eq!(
        refused(", \"weight\": 0.36", ""),
        "languages has no `weight`: add it, for example `weight: 0.45`"
    );
}

#[test]
fn values_are_checked() {
    let k2 = "k2 is 1.4 (140 %): give a fraction between 0 and 1, for example 0.8";
    assert_eq!(refused("\"k2\": 0.8", "\"k2\": 1.4"), k2);
    assert_eq!(
        refused("\"k2\": 0.8", "\"k2\": 80"),
        "k2 is 80 (8000 %): give a fraction between 0 and 1, for example 0.8"
    );
    assert_eq!(
        refused("\"k2\": 0.8", "\"k2\": -0.1"),
        "k2 is -0.1 (-10 %): give a fraction between 0 and 1, for example 0.8"
    );
    assert_eq!(
        refused("0.45", "4.5e7"),
        "the weight of es is 45000000: give a number between -1000 and 1000"
    );
    assert_eq!(refused("1.5", "-1e4"), "gamma is -10000: give a number between -1000 and 1000");
    assert_eq!(refused("\"bn\"", "\"es\""), "the language `es` is given twice: leave one out or rename it");
    assert_eq!(
        refused("world/base", " "),
        "base_model is empty: give a model folder, a safetensors file or a pack's entry"
    );
    assert_eq!(
        refused("world/es", "a\\nb"),
        "the model of es holds a control character: write it on one line, without tabs"
    );
    assert_eq!(
        refused("\"version\": 1", "\"version\": 2"),
        "the recipe's version is 2: this program reads version 1"
    );
    // A recipe of a later version is not blamed for its new keys.
    assert_eq!(
        refused("\"version\": 1", "\"version\": 2, \"new\": 1"),
        "the recipe's version is 2: this program reads version 1"
    );
}

#[test]
fn wrong_types_and_broken_text_are_named_with_their_line() {
    assert_eq!(
        refused("\"world/base\"", "[\"much\"]"),
        "the recipe cannot be read (line 4): invalid type: sequence, expected a string"
    );
    assert!(refused("\"k2\": 0.8}", "").starts_with("the recipe cannot be read (line 12)"));
    assert!(refused("\"k2\": 0.8", "\"alpha\": 0.8").contains("duplicate field `alpha`"));
    for text in ["", "[]", "null", "{", "\u{0}", "{}"] {
        assert!(Recipe::from_json(text).is_err(), "{text:?}");
    }
}

#[test]
fn what_is_no_number_is_named_with_its_key() {
    for (key, value) in [("alpha", 0.8), ("beta", 0.2), ("gamma", 1.5), ("k2", 0.8)] {
        let key_and_value = format!("\"{key}\": {value}");
        let given = |value: &str| refused(&key_and_value, &format!("\"{key}\": {value}"));
        for percent in ["\"55%\"", "\"55 %\"", "55%", "55 %"] {
            let shown = percent.trim_matches('"');
            assert_eq!(given(percent), format!("{key} is `{shown}` (line 11): write 0.55"));
        }
        assert_eq!(given("\"0.5\""), format!("{key} is `0.5` (line 11): write 0.5"));
        for value in ["\"much\"", "null", "true", "[1]", "{}", "1e999", "lots"] {
            let shown = value.trim_matches('"');
            let expected = format!("{key} is `{shown}` (line 11): give a number, for example 0.8");
            assert_eq!(given(value), expected);
        }
        // Only what the parser stopped at is blamed.
        for text in ["0.5 \"", "0.5,}", "0.5, x"] {
            assert!(given(text).starts_with("the recipe cannot be read (line 11): "), "{text}");
        }
    }
    for percent in ["\"140%\"", "\"140 %\"", "140%", "140 %"] {
        let bad = JSON.replace("\"k2\": 0.8", &format!("\"k2\": {percent}"));
        let one_line = bad.replace('\n', " ");
        for bad in [bad, one_line] {
            assert_eq!(Recipe::from_json(&bad), Err(RecipeError::K2OutOfRange { value: 1.4 }), "{percent}");
        }
    }
    assert_eq!(refused("0.45", "\"much\""), "weight is `much` (line 8): give a number, for example 0.8");
    assert_eq!(refused("0.36", "\"36 %\""), "weight is `36 %` (line 9): write 0.36");
    assert_eq!(refused("world/es\", \"weight\": 0.45", "ωé\", \"weight\": \"x\"")[..6], *"weight");
    assert_eq!(refused("\"version\": 1", "\"version\": \"1\""), "version is `1` (line 2): write 1");
    assert_eq!(refused("\"version\": 1", "\"version\": 1.5"), "version is `1.5` (line 2): write 1");
    let long = refused("\"k2\": 0.8", &format!("\"k2\": \"{}\"", "x".repeat(10_000)));
    assert!(long.len() < 400, "{long}");
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut recipe = common::recipe();
        recipe.parameters.k2 = bad;
        assert!(matches!(recipe.validate(), Err(RecipeError::NotFinite { name, .. }) if name == "k2"));
        let mut recipe = common::recipe();
        recipe.languages[1].weight = bad;
        assert!(
            matches!(recipe.validate(), Err(RecipeError::NotFinite { name, .. }) if name == "the weight of zh")
        );
    }
}

#[test]
fn a_recipe_without_languages_is_valid() {
    let mut recipe = common::recipe();
    recipe.languages.clear();
    assert_eq!(recipe.validate(), Ok(()));
}

#[test]
fn words_are_spelt_as_documented() {
    let recipe =
        Recipe::from_json(&JSON.replace("\"maec\"", "\"task_vector\", \"out_dtype\": \"bfloat16\"")).unwrap();
    assert_eq!((recipe.merge_method, recipe.out_dtype), (MergeMethod::TaskVector, Some(OutDtype::Bfloat16)));
}

proptest! {
    #[test]
    fn json_round_trip(recipe in any_recipe()) {
        let read = Recipe::from_json(&recipe.to_json());
        prop_assert_eq!(exactly(&read), exactly(&Ok::<_, RecipeError>(recipe)));
    }

    #[test]
    fn hostile_json_is_safe(mut bytes in Just(JSON.as_bytes().to_vec()), at in 0..JSON.len(), byte: u8) {
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes)
            && let Err(error) = Recipe::from_json(&text)
        {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }
}
