//! What is trained, as data: a description that says everything which decides the outcome, and so is its key.

use maec_checkpoint::sha256_hex;
use maec_train::LoraConfig;
use serde::{Deserialize, Serialize};

use crate::corpus::Share;

/// A training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What people call its outcome; no part of its key.
    pub name: String,
    /// What it begins with.
    pub start: Start,
    /// What it learns from.
    pub corpora: Vec<Share>,
    /// Optimizer steps.
    pub steps: u32,
    /// Peak learning rate.
    pub rate: f64,
    /// What of the model changes.
    pub trains: Trains,
}

/// What a run begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Random weights.
    Fresh,
    /// Θo.
    Base,
    /// The outcome of another run.
    After(Box<Run>),
}

/// What of a model a run changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trains {
    /// Every parameter (F-).
    All,
    /// The union of these rankings' key neurons.
    KeyNeurons(Vec<Ranking>),
    /// As many neurons of every tensor together as the union would have, but drawn at random: the control.
    RandomNeurons {
        /// Whose count is taken.
        like: Vec<Ranking>,
        /// Seed of the draw.
        seed: u64,
    },
    /// Low-rank factors beside linear layers (L-).
    Lora(LoraConfig),
}

/// Eq. 1: a short run of all parameters whose outcome is a set of key neurons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// What people call it; no part of its key.
    pub name: String,
    /// What it learns from.
    pub corpora: Vec<Share>,
    /// Optimizer steps.
    pub steps: u32,
    /// Peak learning rate.
    pub rate: f64,
    /// k₁: share of all parameters that are key neurons.
    pub k1: f64,
    /// What ranks them.
    pub form: Form,
}

/// What Eq. 1 ranks parameters by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The paper's approximation: |Θ̃ⱼ − Θⱼ| / learning rate of the whole run.
    #[default]
    Change,
    /// What it approximates: the sum over all steps of |∂loss/∂θⱼ|, before clipping.
    Gradient,
}

impl Form {
    /// The one that this is not.
    pub fn other(self) -> Self {
        match self {
            Self::Change => Self::Gradient,
            Self::Gradient => Self::Change,
        }
    }

    /// What people call it: `approximated` or `exact`.
    pub fn adjective(self) -> &'static str {
        match self {
            Self::Change => "approximated",
            Self::Gradient => "exact",
        }
    }
}

/// The parts of a description that decide the outcome, without names.
fn key(identity: &str, kind: &str, described: &impl Serialize) -> String {
    let mut value = serde_json::to_value(described).expect("a description serialises");
    forget_names(&mut value);
    let version = env!("CARGO_PKG_VERSION");
    sha256_hex(format!("maec {version}\n{identity}\n{kind}\n{value}").as_bytes())
}

fn forget_names(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.remove("name");
            map.values_mut().for_each(forget_names);
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(forget_names),
        _ => {}
    }
}

impl Run {
    /// The key of the outcome: 64 hex digits of SHA-256 over the experiment's identity and everything here but names.
    pub fn key(&self, identity: &str) -> String {
        key(identity, "run", self)
    }
}

impl Ranking {
    /// As [`Run::key`].
    pub fn key(&self, identity: &str) -> String {
        key(identity, "ranking", self)
    }

    /// The training of all parameters that it looks at.
    pub(crate) fn run(&self) -> Run {
        Run {
            name: self.name.clone(),
            start: Start::Base,
            corpora: self.corpora.clone(),
            steps: self.steps,
            rate: self.rate,
            trains: Trains::All,
        }
    }

    /// The same with the other form, which its name says.
    pub fn by_other_form(self) -> Self {
        let form = self.form.other();
        Self { name: format!("{}, {}", self.name, form.adjective()), ..self.by(form) }
    }

    /// The same with another form.
    pub fn by(self, form: Form) -> Self {
        Self { form, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Corpus;

    fn run() -> Run {
        let corpora = Share::whole(Corpus::general("en"));
        let ranking = Ranking {
            name: "en".into(),
            corpora: corpora.clone(),
            steps: 5,
            rate: 1e-3,
            k1: 0.05,
            form: Form::Change,
        };
        Run {
            name: "en".into(),
            start: Start::Base,
            corpora,
            steps: 9,
            rate: 1e-3,
            trains: Trains::KeyNeurons(vec![ranking]),
        }
    }

    #[test]
    fn a_key_is_of_everything_but_names() {
        let key = run().key("world 1");
        let mut renamed = run();
        renamed.name = "other".into();
        if let Trains::KeyNeurons(rankings) = &mut renamed.trains {
            rankings[0].name = "another".into();
        }
        assert_eq!(renamed.key("world 1"), key);
        assert_ne!(run().key("world 2"), key);
        assert_ne!(Run { steps: 10, ..run() }.key("world 1"), key);
        assert_ne!(Run { start: Start::After(Box::new(run())), ..run() }.key("world 1"), key);
        let mut exact = run();
        if let Trains::KeyNeurons(rankings) = &mut exact.trains {
            rankings[0].form = Form::Gradient;
        }
        assert_ne!(exact.key("world 1"), key);
    }
}
