//! The difference of two JSON trees: a JSON Merge Patch (RFC 7396) that also looks into lists.
//!
//! An object holds the keys that differ, `null` for a key that is gone. Where two lists are equally long, an object
//! whose keys are indices holds the elements that differ. Everything else is replaced.

use serde_json::{Map, Value};

/// What turns `from` into `to`; both are objects.
pub(super) fn between(from: &Value, to: &Value) -> Value {
    difference(from, to).unwrap_or_else(|| Value::Object(Map::new()))
}

fn difference(from: &Value, to: &Value) -> Option<Value> {
    match (from, to) {
        (Value::Object(from), Value::Object(to)) => {
            let mut patch = Map::new();
            for key in from.keys().filter(|&key| !to.contains_key(key)) {
                patch.insert(key.clone(), Value::Null);
            }
            for (key, value) in to {
                let change = match from.get(key) {
                    Some(old) => difference(old, value),
                    None => Some(value.clone()),
                };
                if let Some(change) = change {
                    patch.insert(key.clone(), change);
                }
            }
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        (Value::Array(from), Value::Array(to)) if from.len() == to.len() => {
            let mut patch = Map::new();
            for (index, (from, to)) in from.iter().zip(to).enumerate() {
                if let Some(change) = difference(from, to) {
                    patch.insert(index.to_string(), change);
                }
            }
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        // By their spelling, which tells -0.0 from 0.0.
        (Value::Number(a), Value::Number(b)) => (a.to_string() != b.to_string()).then(|| to.clone()),
        // A number that JSON does not have (NaN): never equal, and no number when it is read.
        (_, Value::Null) => Some(Value::Bool(false)),
        _ => (from != to).then(|| to.clone()),
    }
}

/// Changes `tree` by a patch.
///
/// # Errors
///
/// The index that a patch names and the list does not have.
pub(super) fn apply(tree: &mut Value, patch: Value) -> Result<(), String> {
    match (tree, patch) {
        (Value::Object(map), Value::Object(patch)) => {
            for (key, change) in patch {
                if change.is_null() {
                    map.remove(&key);
                } else {
                    apply(map.entry(key).or_insert(Value::Null), change)?;
                }
            }
        }
        (Value::Array(list), Value::Object(patch)) => {
            for (index, change) in patch {
                match index.parse().ok().and_then(|index: usize| list.get_mut(index)) {
                    Some(value) => apply(value, change)?,
                    None => return Err(index),
                }
            }
        }
        (tree, patch) => *tree = patch,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs() {
        let from = json!({"a": 1, "b": {"c": 2, "d": 3}, "list": [{"w": 1, "n": "x"}, {"w": 2, "n": "y"}], "gone": 0});
        let to = json!({"a": 1, "b": {"c": 2, "d": 4}, "list": [{"w": 1, "n": "x"}, {"w": 9, "n": "y"}], "new": "n"});
        let patch = between(&from, &to);
        assert_eq!(patch, json!({"b": {"d": 4}, "list": {"1": {"w": 9}}, "gone": null, "new": "n"}));
        let mut tree = from;
        apply(&mut tree, patch).unwrap();
        assert_eq!(tree, to);
    }

    #[test]
    fn lists_of_other_length_are_replaced() {
        let patch = between(&json!({"list": [1, 2]}), &json!({"list": [1]}));
        assert_eq!(patch, json!({"list": [1]}));
    }

    #[test]
    fn equal_trees_have_no_difference() {
        let tree = json!({"a": [1, {"b": 0.5}], "c": "d"});
        assert_eq!(between(&tree, &tree), json!({}));
    }

    #[test]
    fn zero_keeps_its_sign() {
        let mut tree = json!({"a": 0.0});
        let patch = between(&tree, &json!({"a": -0.0}));
        apply(&mut tree, patch).unwrap();
        assert!(tree["a"].as_f64().unwrap().is_sign_negative());
    }
}
