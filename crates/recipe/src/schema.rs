//! The recipe's keys, to say exactly what is wrong with a text that is not a recipe.

use serde_json::Value;

use crate::error::shown;
use crate::{RecipeError, number};

/// A map of the recipe and the keys it can have.
struct Section {
    name: &'static str,
    keys: &'static [Key],
}

/// One key of a section.
struct Key {
    name: &'static str,
    kind: Kind,
    /// What it could look like, where the key must be there.
    required: Option<&'static str>,
}

/// What a key holds.
enum Kind {
    /// Anything: checked elsewhere, numbers in [`number`].
    Plain,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A section.
    Map(Section),
    /// A list of sections.
    List(Section),
}

const fn key(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, required: None }
}

const fn required(name: &'static str, kind: Kind, example: &'static str) -> Key {
    Key { name, kind, required: Some(example) }
}

static RECIPE: Section = Section {
    name: "the recipe",
    keys: &[
        required("version", Kind::Plain, "1"),
        required("merge_method", Kind::Word(&["maec", "task_vector"]), "maec"),
        required("base_model", Kind::Plain, "world/base"),
        required(
            "ability",
            Kind::Map(Section { name: "ability", keys: &[required("model", Kind::Plain, "world/a-l0")] }),
            "{model: world/a-l0}",
        ),
        required(
            "reference",
            Kind::Map(Section { name: "reference", keys: &[required("model", Kind::Plain, "world/l0")] }),
            "{model: world/l0}",
        ),
        required(
            "languages",
            Kind::List(Section {
                name: "languages",
                keys: &[
                    required("name", Kind::Plain, "es"),
                    required("model", Kind::Plain, "world/es"),
                    required("weight", Kind::Plain, "0.45"),
                ],
            }),
            "[{name: es, model: world/es, weight: 0.45}]",
        ),
        key(
            "parameters",
            Kind::Map(Section {
                name: "parameters",
                keys: &[
                    key("alpha", Kind::Plain),
                    key("beta", Kind::Plain),
                    key("gamma", Kind::Plain),
                    key("eta", Kind::Plain),
                    key("k2", Kind::Plain),
                    key("lambda", Kind::Plain),
                ],
            }),
        ),
        key(
            "select",
            Kind::Map(Section {
                name: "select",
                keys: &[key("include", Kind::Plain), key("exclude", Kind::Plain)],
            }),
        ),
        key("out_dtype", Kind::Word(&["float32", "float16", "bfloat16"])),
    ],
};

/// Where the typed parser stopped.
#[derive(Clone, Copy)]
pub(crate) struct Stop {
    /// The line, counted from 1.
    pub(crate) line: Option<u64>,
    /// The byte in the whole text.
    pub(crate) offset: Option<usize>,
}

/// Why a text is not a recipe: `tree` is what it says (if it is YAML or JSON at all), `stop` and `message` are where
/// and why the typed parser stopped.
pub(crate) fn explain(text: &str, tree: Option<&Value>, stop: Stop, message: &str) -> RecipeError {
    let line = stop.line;
    let malformed = || {
        let of_number = stop.offset.and_then(|offset| number::explain(text, offset, line));
        of_number.unwrap_or_else(|| RecipeError::Malformed { line, message: shown(message) })
    };
    let Some(tree) = tree else { return malformed() };
    if let Some(version) = tree.get("version").and_then(Value::as_u64)
        && version != u64::from(crate::Recipe::VERSION)
    {
        return RecipeError::UnsupportedVersion { version };
    }
    let mut found = Vec::new();
    inspect(&RECIPE, tree, line, &mut found);
    // The parser stopped at one thing, which its message names; its line belongs to that one.
    let position = found.iter().position(|error| named_by(error, message));
    match position {
        Some(position) => found.swap_remove(position),
        None => malformed(),
    }
}

/// Whether the parser's message speaks of this error.
fn named_by(error: &RecipeError, message: &str) -> bool {
    let word = match error {
        RecipeError::UnknownKey { key, .. } => key.as_str(),
        RecipeError::MissingKey { key, .. } => key,
        RecipeError::UnknownValue { value, .. } => value.as_str(),
        _ => return false,
    };
    message.contains(&format!("`{word}`"))
}

/// Adds everything wrong with a section's keys and words.
fn inspect(section: &Section, tree: &Value, line: Option<u64>, found: &mut Vec<RecipeError>) {
    let Some(map) = tree.as_object() else { return };
    for (name, value) in map {
        let Some(key) = section.keys.iter().find(|key| key.name == name) else {
            let known: Vec<_> = section.keys.iter().map(|key| key.name).collect();
            let suggestion = nearest(name, &known);
            found.push(RecipeError::UnknownKey {
                key: shown(name),
                section: section.name,
                line,
                suggestion,
                known,
            });
            continue;
        };
        match &key.kind {
            Kind::Plain => {}
            Kind::Word(words) => {
                if let Some(word) = value.as_str()
                    && !words.contains(&word)
                {
                    found.push(RecipeError::UnknownValue {
                        key: key.name,
                        value: shown(word),
                        line,
                        suggestion: nearest(word, words),
                        allowed: words.to_vec(),
                    });
                }
            }
            Kind::Map(section) => inspect(section, value, line, found),
            Kind::List(section) => {
                for item in value.as_array().into_iter().flatten() {
                    inspect(section, item, line, found);
                }
            }
        }
    }
    for key in section.keys {
        if let Some(example) = key.required
            && !map.contains_key(key.name)
        {
            found.push(RecipeError::MissingKey { key: key.name, section: section.name, example });
        }
    }
}

/// The word nearest in spelling, if any is near: at most one slip in three letters.
pub fn nearest(word: &str, known: &[&'static str]) -> Option<&'static str> {
    let word = word.to_lowercase();
    let near = known.iter().map(|&k| (strsim::damerau_levenshtein(&word, k), k)).min()?;
    (near.0 <= near.1.len().div_ceil(3)).then_some(near.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_takes_slips_and_leaves_strangers() {
        let known = ["alpha", "beta", "gamma", "eta", "k2", "lambda"];
        for (slip, meant) in
            [("gama", "gamma"), ("lamda", "lambda"), ("Beta", "beta"), ("k_2", "k2"), ("apha", "alpha")]
        {
            assert_eq!(nearest(slip, &known), Some(meant), "{slip}");
        }
        assert_eq!(nearest("density", &known), None);
    }

    #[test]
    fn the_schema_has_exactly_the_types_keys() {
        let recipe = crate::Recipe::from_json(
            r#"{"version": 1, "merge_method": "maec", "base_model": "b", "ability": {"model": "a"},
                "reference": {"model": "r"}, "languages": [{"name": "es", "model": "m", "weight": 1}],
                "out_dtype": "float32"}"#,
        )
        .unwrap();
        let tree = serde_json::to_value(recipe).unwrap();
        compare(&RECIPE, &tree);
    }

    fn compare(section: &Section, tree: &Value) {
        let map = tree.as_object().unwrap();
        let mut known: Vec<_> = section.keys.iter().map(|key| key.name).collect();
        known.sort_unstable();
        let mut names: Vec<_> = map.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, known, "{}", section.name);
        for key in section.keys {
            match &key.kind {
                Kind::Map(section) => compare(section, &map[key.name]),
                Kind::List(section) => compare(section, &map[key.name][0]),
                Kind::Word(words) => assert!(words.contains(&map[key.name].as_str().unwrap())),
                Kind::Plain => {}
            }
        }
    }
}
