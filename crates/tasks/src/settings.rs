//! What a sample's result depends on, so that results of different runs are not mixed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Task;

/// Version of the journal and of everything that prompts and scores depend on in this crate.
pub(crate) const FORMAT: u32 = 1;

/// Everything that the result of one row depends on. How many rows are asked and in which batches is not among it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Version of prompts, scores and journal.
    pub format: u32,
    /// The benchmark's name.
    pub task: String,
    /// The model: a name with its hash.
    pub model: String,
    /// What else the model's answers depend on: dtype, device, chat template.
    pub conditions: BTreeMap<String, String>,
    /// Tokens that fit the model.
    pub context_tokens: usize,
    /// Exemplars before each question, before any is left out.
    pub shots: usize,
    /// Strings that end an answer.
    pub until: BTreeSet<String>,
    /// Tokens after which an answer is cut off.
    pub max_new_tokens: usize,
    /// Bytes of the pieces that texts are read in.
    pub piece_bytes: usize,
    /// SHA-256 of every file by its name.
    pub files: BTreeMap<String, String>,
}

/// Which model is run, in words that tell it from others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// A name with its hash.
    pub model: String,
    /// What else its answers depend on: dtype, device, chat template.
    pub conditions: BTreeMap<String, String>,
}

impl Settings {
    pub(crate) fn new(task: &Task, subject: &Subject, context_tokens: usize) -> Self {
        Self {
            format: FORMAT,
            task: task.kind.name().into(),
            model: subject.model.clone(),
            conditions: subject.conditions.clone(),
            context_tokens,
            shots: task.shots,
            until: task.until.clone(),
            max_new_tokens: task.max_new_tokens,
            piece_bytes: task.piece_bytes,
            files: task.files.clone(),
        }
    }

    /// `shots: 8 then, 5 now; …`, or `None` where they are the same.
    pub fn difference(&self, now: &Self) -> Option<String> {
        let (then, now) = (self.flat(), now.flat());
        let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
        let text = |value: Option<&String>| value.cloned().unwrap_or_else(|| "nothing".into());
        let differences: Vec<String> = names
            .into_iter()
            .filter(|name| then.get(*name) != now.get(*name))
            .map(|name| format!("{name}: {} then, {} now", text(then.get(name)), text(now.get(name))))
            .collect();
        (!differences.is_empty()).then(|| differences.join("; "))
    }

    /// Every setting by its name, those of a map one by one.
    fn flat(&self) -> BTreeMap<String, String> {
        let mut flat = BTreeMap::new();
        let Ok(Value::Object(fields)) = serde_json::to_value(self) else { return flat };
        for (name, value) in fields {
            match value {
                Value::Object(inner) => {
                    flat.extend(
                        inner.into_iter().map(|(key, value)| (format!("{name} {key}"), plain(&value))),
                    );
                }
                value => {
                    flat.insert(name, plain(&value));
                }
            }
        }
        flat
    }
}

fn plain(value: &Value) -> String {
    match value {
        // The start of a hash tells it from another.
        Value::String(text) if text.len() == 64 => text.chars().take(12).collect(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        let then = Settings {
            format: FORMAT,
            task: "mgsm".into(),
            model: "tiny".into(),
            conditions: BTreeMap::from([("dtype".into(), "f32".into())]),
            context_tokens: 64,
            shots: 8,
            until: BTreeSet::new(),
            max_new_tokens: 256,
            piece_bytes: 8192,
            files: BTreeMap::from([("mgsm_es.tsv".into(), "a".repeat(64))]),
        };
        assert_eq!(then.difference(&then.clone()), None);
        let mut now = Settings { shots: 5, ..then.clone() };
        now.conditions.clear();
        now.files.insert("mgsm_es.tsv".into(), "b".repeat(64));
        assert_eq!(
            then.difference(&now).as_deref(),
            Some(
                "conditions dtype: f32 then, nothing now; files mgsm_es.tsv: aaaaaaaaaaaa then, bbbbbbbbbbbb now; \
                 shots: 8 then, 5 now"
            )
        );
    }
}
