//! Recipes in YAML.

#![cfg(feature = "yaml")]

mod common;

use common::{any_recipe, exactly};
use maec_recipe::{OutDtype, Recipe, RecipeError};
use proptest::prelude::*;

const YAML: &str = "\
version: 1
merge_method: maec
base_model: world/base
ability:   {model: world/a-l0}          # Θ_{A,L0}: trained on ability + reference language
reference: {model: world/l0}            # Θ_{L0}
languages:                              # Θ_{Li} and μ_i
  - {name: es, model: world/es, weight: 0.45}
  - {name: bn, model: world/bn, weight: 0.36}
parameters: {alpha: 0.8, beta: 0.2, gamma: 1.5, eta: 1.0, k2: 0.8}
select: {include: [], exclude: []}      # globs that override Eq. 4's choice
out_dtype: bfloat16
";

fn refused(from: &str, to: &str) -> String {
    assert!(YAML.contains(from), "{from}");
    let error = Recipe::from_yaml(&YAML.replace(from, to)).unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

#[test]
fn the_documented_recipe() {
    let recipe = Recipe::from_yaml(YAML).unwrap();
    assert_eq!(recipe.languages[1].weight, 0.36);
    assert_eq!(recipe.parameters, maec_recipe::Parameters::default());
    assert_eq!(recipe.out_dtype, Some(OutDtype::Bfloat16));
    assert_eq!(Recipe::from_json(&recipe.to_json()), Ok(recipe));
}

#[test]
fn whole_numbers_and_language_codes_that_yaml_1_1_misread() {
    let recipe = Recipe::from_yaml(&YAML.replace("es, model", "no, model").replace("0.45", "1")).unwrap();
    assert_eq!((recipe.languages[0].name.as_str(), recipe.languages[0].weight), ("no", 1.0));
}

#[test]
fn errors_name_the_line() {
    assert_eq!(refused("gamma", "gama"), "unknown key `gama` in parameters (line 9): did you mean `gamma`?");
    assert_eq!(
        refused("reference", "referense"),
        "unknown key `referense` in the recipe (line 5): did you mean `reference`?"
    );
    assert_eq!(
        refused("world/bn, weight", "world/bn, mu"),
        "unknown key `mu` in languages (line 8): give `name` or `model` or `weight`"
    );
    assert_eq!(
        refused("bfloat16", "bf16"),
        "out_dtype is `bf16` (line 11): give `float32` or `float16` or `bfloat16`"
    );
    assert_eq!(
        refused("base_model: world/base\n", ""),
        "the recipe has no `base_model`: add it, for example `base_model: world/base`"
    );
    assert_eq!(
        refused("k2: 0.8", "k2: 1.4"),
        "k2 is 1.4 (140 %): give a fraction between 0 and 1, for example 0.8"
    );
    assert_eq!(refused("gamma: 1.5", "gamma: .nan"), "gamma is NaN: give a finite number");
    assert!(refused("{model: world/l0}", "[").starts_with("the recipe cannot be read (line 5): "));
    assert!(
        refused("base_model: world/base", "base_model: [x]")
            .starts_with("the recipe cannot be read (line 3)")
    );
}

#[test]
fn what_is_no_number_is_named_with_its_key() {
    for key in ["alpha: 0.8", "beta: 0.2", "gamma: 1.5", "eta: 1.0", "k2: 0.8"] {
        let name = key.split(':').next().unwrap();
        let given = |value: &str| refused(key, &format!("{name}: {value}"));
        for percent in ["55%", "55 %", "\"55 %\"", "'55%'"] {
            let shown = percent.trim_matches(['"', '\'']);
            assert_eq!(given(percent), format!("{name} is `{shown}` (line 9): write 0.55"));
        }
        for value in ["much", "~", "true", "[1]", "{a: 1}", "0x10", "1e999", "!!str 1", "80%%"] {
            let expected = format!("{name} is `{value}` (line 9): give a number, for example 0.8");
            assert_eq!(given(value), expected);
        }
        assert_eq!(given(""), format!("{name} is empty (line 9): give a number, for example 0.8"));
    }
    for percent in ["140%", "140 %", "\"140 %\"", "1,4"] {
        // In braces a comma ends the value.
        let yaml =
            YAML.replace("{alpha: 0.8, beta: 0.2, gamma: 1.5, eta: 1.0, k2: 0.8}", "\n  k2: 0.8 # all");
        let error = Recipe::from_yaml(&yaml.replace("k2: 0.8", &format!("k2: {percent}"))).unwrap_err();
        assert_eq!(error, RecipeError::K2OutOfRange { value: 1.4 }, "{percent}");
        let error = Recipe::from_yaml(&yaml.replace("k2: 0.8", &format!("k2:\n    {percent}"))).unwrap_err();
        assert_eq!(error, RecipeError::K2OutOfRange { value: 1.4 }, "{percent}");
    }
    assert_eq!(refused("gamma: 1.5", "gamma: 140%"), "gamma is `140%` (line 9): write 1.4");
    assert_eq!(refused("0.45", "much"), "weight is `much` (line 7): give a number, for example 0.8");
    assert_eq!(
        refused("world/es, weight: 0.45", "ωé, weight: 45 %"),
        "weight is `45 %` (line 7): write 0.45"
    );
    assert_eq!(refused("version: 1", "version: 'one'"), "version is `one` (line 1): write 1");
    assert_eq!(refused("version: 1", "version: 1.5"), "version is `1.5` (line 1): write 1");
    // Quoted numbers are numbers in YAML, so it is not they that are wrong here.
    let quoted = refused("eta: 1.0, k2: 0.8", "eta: '1.0', k2: 80%");
    assert_eq!(quoted, "k2 is `80%` (line 9): write 0.8");
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(Recipe::from_yaml(&text).is_err());
}

proptest! {
    #[test]
    fn yaml_round_trip(recipe in any_recipe()) {
        let text = recipe.to_yaml();
        let read = Recipe::from_yaml(&text);
        prop_assert_eq!(exactly(&read), exactly(&Ok::<_, RecipeError>(recipe)), "{}", text);
    }

    #[test]
    fn hostile_yaml_is_safe(mut bytes in Just(YAML.as_bytes().to_vec()), at in 0..YAML.len(), byte: u8) {
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes)
            && let Err(error) = Recipe::from_yaml(&text)
        {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }
}
