//! Reading an experiment, and refusing what can't be held.

use std::collections::BTreeSet;

use maec_recipe::{LanguageModel, MergeMethod, ModelRef, Recipe, Select, nearest, shown};

use super::{Experiment, ExperimentError};
use crate::extraction::LanguageVectors;

/// Keys that must be there, and what they could look like.
const REQUIRED: [(&str, &str); 6] = [
    ("version", "1"),
    ("base_model", "Qwen/Qwen2.5-0.5B@main"),
    ("reference", "en"),
    ("general", "{en: corpora/en, es: corpora/es}"),
    ("languages", "[{name: es, weight: 1.5}]"),
    ("abilities", "[{name: mathematics, corpus: corpora/mathematics}]"),
];

/// Names that outputs other than a language's have.
const TAKEN: [&str; 6] = ["a", "a-l0", "l0", "base", "neurons", "neurons-exact"];

impl Experiment {
    /// Reads and checks an experiment written in YAML.
    ///
    /// # Errors
    /// When the text is no experiment, or [`check`](Self::check) refuses it.
    pub fn from_yaml(text: &str) -> Result<Self, ExperimentError> {
        let experiment: Self = serde_saphyr::from_str(text).map_err(|error| explain(&error))?;
        experiment.check()?;
        Ok(experiment)
    }

    /// Refuses what no experiment can be held with. Files are not looked at.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn check(&self) -> Result<(), ExperimentError> {
        if self.version != Self::VERSION {
            return Err(ExperimentError::Version { version: self.version });
        }
        self.check_languages()?;
        self.check_abilities()?;
        let value = |key: &str, value: String, expected| {
            Err(ExperimentError::Value { key: key.into(), value, expected })
        };
        if !(self.k1 > 0.0 && self.k1 <= 1.0) {
            return value("k1", self.k1.to_string(), "give a share above 0 and at most 1, for example 0.05");
        }
        if !(self.ability_weight.is_finite() && self.ability_weight > 0.0) {
            return value(
                "ability_weight",
                self.ability_weight.to_string(),
                "give a positive number, for example 1",
            );
        }
        self.check_training()?;
        self.check_evaluation()
    }

    fn check_languages(&self) -> Result<(), ExperimentError> {
        let value = |key: &str, value: &str, expected| {
            Err(ExperimentError::Value { key: key.into(), value: format!("`{}`", shown(value)), expected })
        };
        let mut seen = BTreeSet::from([self.reference.to_lowercase()]);
        let targets = self.languages.iter().map(|language| language.name.as_str());
        for code in targets.clone().chain([self.reference.as_str()]) {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if code.is_empty() || !code.chars().all(plain) {
                return value(
                    "a language's name",
                    code,
                    "give its code of letters, digits, - and _, such as es",
                );
            }
            let lower = code.to_lowercase();
            if TAKEN.contains(&lower.as_str()) || lower.starts_with("r-") {
                return value(
                    "a language's name",
                    code,
                    "other outputs are called so; give its code, such as es",
                );
            }
            if !self.general.contains_key(code) {
                return Err(ExperimentError::NoGeneral { language: code.to_owned() });
            }
        }
        for code in targets {
            if code.eq_ignore_ascii_case(&self.reference) {
                return value("a target language", code, "it is the reference; leave it out of `languages`");
            }
            if !seen.insert(code.to_lowercase()) {
                return Err(ExperimentError::Twice { what: "the language", name: code.to_owned() });
            }
        }
        Ok(())
    }

    fn check_abilities(&self) -> Result<(), ExperimentError> {
        if self.abilities.is_empty() {
            return Err(missing("abilities")
                .unwrap_or(ExperimentError::NoAbility { name: String::new(), known: Vec::new() }));
        }
        let mut seen = BTreeSet::new();
        for ability in &self.abilities {
            if ability.name.trim().is_empty() || ability.name.chars().any(char::is_control) {
                let expected = "give a name, such as mathematics";
                let value = format!("`{}`", shown(&ability.name));
                return Err(ExperimentError::Value { key: "an ability's name".into(), value, expected });
            }
            if !seen.insert(&ability.name) {
                return Err(ExperimentError::Twice { what: "the ability", name: ability.name.clone() });
            }
            self.recipe(ability, &self.base_model).validate().map_err(ExperimentError::Parameters)?;
        }
        Ok(())
    }

    fn check_training(&self) -> Result<(), ExperimentError> {
        let training = &self.training;
        let value = |key: &str, value: String, expected| {
            Err(ExperimentError::Value { key: key.into(), value, expected })
        };
        if !(0.0..=1.0).contains(&training.warmup) {
            return value(
                "warmup",
                training.warmup.to_string(),
                "give a share of the steps between 0 and 1, for example 0.03",
            );
        }
        if training.seq_len == Some(0) {
            return value("seq_len", "0".into(), "give at least 1, for example 2048");
        }
        let neurons = &self.neurons;
        let rate = neurons.learning_rate.unwrap_or(training.learning_rate);
        let lora_rate = self.lora.learning_rate.unwrap_or(training.learning_rate);
        let of_neurons = neurons.tokens.unwrap_or(training.tokens);
        for (tokens, rate) in
            [(training.tokens, training.learning_rate), (of_neurons, rate), (training.tokens, lora_rate)]
        {
            let config = training.config(training.steps(tokens), rate);
            config.check().map_err(ExperimentError::Training)?;
            if config.steps > 10_000_000 {
                let steps = format!("{tokens} in steps of {}", training.tokens_per_step);
                return value("tokens", steps, "give fewer tokens, or more in a step");
            }
        }
        if self.lora.rank == 0 {
            return value("rank", "0".into(), "give at least 1, for example 8");
        }
        if !(self.lora.alpha.is_finite() && self.lora.alpha > 0.0) {
            return value(
                "lora's alpha",
                self.lora.alpha.to_string(),
                "give a positive number, for example 16",
            );
        }
        Ok(())
    }

    /// The recipe of an ability's merge, of what an extraction writes beside it.
    pub fn recipe(&self, ability: &super::AbilityCorpora, base_model: &str) -> Recipe {
        let languages = self
            .languages
            .iter()
            .map(|language| (language.name.clone(), language.weight))
            .collect::<Vec<_>>();
        recipe(base_model, &languages, self.scalars(ability), self.language_vectors)
    }
}

/// MAEC over the files that an extraction writes: `a-l0`, `l0`, and for every language the model whose difference is its R(Lᵢ).
pub(crate) fn recipe(
    base_model: &str,
    languages: &[(String, f64)],
    parameters: maec_recipe::Parameters,
    vectors: LanguageVectors,
) -> Recipe {
    let file = |name: &str| ModelRef { model: format!("{name}.safetensors") };
    let language = |(name, weight): &(String, f64)| LanguageModel {
        name: name.clone(),
        model: file(&vectors.model(name)).model,
        weight: *weight,
    };
    Recipe {
        version: Recipe::VERSION,
        merge_method: MergeMethod::Maec,
        base_model: base_model.to_owned(),
        ability: file("a-l0"),
        reference: file("l0"),
        languages: languages.iter().map(language).collect(),
        parameters,
        select: Select::default(),
        out_dtype: None,
    }
}

fn missing(key: &str) -> Option<ExperimentError> {
    let (key, example) = *REQUIRED.iter().find(|(name, _)| *name == key)?;
    Some(ExperimentError::MissingKey { key, example })
}

/// Why a text is no experiment.
fn explain(error: &serde_saphyr::Error) -> ExperimentError {
    let line = error.location().map(|at| at.line()).filter(|line| *line > 0);
    let malformed = || {
        let message = error.without_snippet().to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(head, _)| head);
        ExperimentError::Malformed { line, message: shown(message) }
    };
    match error.without_snippet() {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => ExperimentError::UnknownKey {
            key: shown(field),
            line,
            suggestion: nearest(field, expected),
            known: expected.clone(),
        },
        serde_saphyr::Error::SerdeMissingField { field, .. } => missing(field).unwrap_or_else(malformed),
        _ => malformed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
version: 1
base_model: org/base@main
reference: en
general: {en: c/en, es: c/es}
languages: [{name: es, weight: 1.5}]
abilities: [{name: science, corpus: c/science, k2: 0.6}]
";

    fn refused(text: &str) -> String {
        Experiment::from_yaml(text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_left_out_is_the_papers() {
        let experiment = Experiment::from_yaml(GOOD).unwrap();
        let (training, scalars) = (&experiment.training, experiment.scalars(&experiment.abilities[0]));
        assert_eq!(training.config(training.steps(training.tokens), training.learning_rate), {
            let published = maec_train::TrainConfig::published();
            maec_train::TrainConfig { sequences_per_step: 1, ..published }
        });
        assert_eq!((experiment.k1, scalars.alpha, scalars.beta, scalars.gamma), (0.05, 0.8, 0.2, 0.2));
        assert_eq!((scalars.eta, scalars.k2), (1.0, 0.6));
        let again = Experiment::from_yaml(&serde_json::to_string(&experiment).unwrap()).unwrap();
        assert_eq!(again, experiment);
    }

    #[test]
    fn a_wrong_key_is_answered_with_the_nearest_and_its_line() {
        let said = refused(&format!("{GOOD}training:\n  learning_rte: 1e-4\n"));
        assert_eq!(said, "unknown key `learning_rte` (line 8): did you mean `learning_rate`?");
        let said = refused(&GOOD.replace("weight: 1.5", "mu: 1.5"));
        assert_eq!(said, "unknown key `mu` (line 5): give `name` or `weight`");
        let said = refused(&GOOD.replace(", weight: 1.5", ""));
        assert!(said.contains("(line 5): missing field `weight`"), "{said}");
        let said = refused(&format!("{GOOD}importance: changes\n"));
        assert!(said.contains("(line 7)") && said.contains("gradient"), "{said}");
    }

    #[test]
    fn bad_values_are_named() {
        for (from, to, part) in [
            ("version: 1", "version: 2", "version is 2"),
            ("reference: en\n", "", "has no `reference`: add it"),
            ("general: {en: c/en, es: c/es}", "general: {en: c/en}", "`es` has no general corpus"),
            ("name: es", "name: ../es", "a language's name is `../es`"),
            ("name: es", "name: en", "it is the reference"),
            ("weight: 1.5}", "weight: 1.5}, {name: es, weight: 1}", "the language `es` is given twice"),
            ("weight: 1.5", "weight: .nan", "parameters"),
            ("k2: 0.6", "k2: 60", "k2 is 60"),
            (
                "abilities: [{name: science, corpus: c/science, k2: 0.6}]",
                "abilities: []",
                "has no `abilities`",
            ),
            ("version: 1", "version: 1\nk1: 0", "k1 is 0"),
            ("version: 1", "version: 1\ntraining: {tokens: few}", "a count of tokens must be a whole number"),
            ("version: 1", "version: 1\ntraining: {tokens: 0}", "steps is 0"),
            ("version: 1", "version: 1\ntraining: {learning_rate: -1}", "learning rate is -1"),
            ("version: 1", "version: 1\ntraining: {warmup: 60}", "warmup is 60"),
            ("version: 1", "version: [", "the experiment cannot be read"),
        ] {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD, "{from}");
            let said = refused(&text);
            assert!(said.contains(part) && !said.contains('\n'), "{to}: {said}");
        }
    }

    #[test]
    fn counts_may_be_written_short() {
        let experiment = Experiment::from_yaml(&format!(
            "{GOOD}training: {{tokens: 2B, tokens_per_step: 1e6}}\nneurons: {{tokens: 100M}}\n"
        ));
        let experiment = experiment.unwrap();
        assert_eq!(experiment.training.steps(experiment.training.tokens), 2000);
        assert_eq!(experiment.neurons.tokens, Some(100_000_000));
    }
}
