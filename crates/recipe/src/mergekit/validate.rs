//! What a configuration's values must be, whatever they were read from.

use std::collections::BTreeSet;

use super::{
    Condition, Config, ConfigError, EmbeddingSource, Key, Layout, ModelEntry, ModelName, OutputSlice,
    Setting, SliceSource, TokenId, TokenizerSource, TokenizerSpec, Values,
};
use crate::error::shown;
use crate::number::meant;

impl Config {
    /// Checks every value: names and lists that are there, ranges of layers, numbers that are finite and of a sane size,
    /// filters that can match, nothing given twice. Whether a method exists, takes these models or knows a parameter is
    /// not judged here.
    ///
    /// # Errors
    ///
    /// The first thing found wrong, in the file's usual order.
    pub fn validate(&self) -> Result<(), ConfigError> {
        text("merge_method", &self.merge_method.name, self.merge_method.line, "a method, for example ties")?;
        self.base_model.iter().try_for_each(ModelName::validate)?;
        self.layout.validate(true)?;
        self.parameters.validate()?;
        if let Some(tokenizer) = &self.tokenizer {
            tokenizer.validate()?;
        }
        if let Some(template) = &self.chat_template {
            // A template's text has lines and tabs.
            let template: String = template.chars().filter(|letter| !"\n\t".contains(*letter)).collect();
            text("chat_template", &template, None, "auto, a template's name or its text")?;
        }
        match self.seed {
            Some(seed) if seed > Self::MAX_SEED => Err(ConfigError::WrongKind {
                name: "random_seed".into(),
                found: seed.to_string(),
                expected: "a whole number from 0 to 2^53",
                line: None,
            }),
            _ => Ok(()),
        }
    }
}

impl Layout {
    fn validate(&self, may_have_modules: bool) -> Result<(), ConfigError> {
        match self {
            Self::Models(entries) => {
                some("models", entries, "at least one model")?;
                for ModelEntry { model, parameters } in entries {
                    model.validate()?;
                    parameters.validate()?;
                }
                distinct(entries.iter().map(|entry| &entry.model))
            }
            Self::Slices(slices) => {
                some("slices", slices, "at least one slice")?;
                slices.iter().try_for_each(OutputSlice::validate)
            }
            Self::Modules(modules) if may_have_modules => {
                some("modules", modules, "at least one module")?;
                let mut names = BTreeSet::new();
                for (name, module) in modules {
                    text("a module's name", name, None, "the name of a part of the model")?;
                    if !names.insert(name) {
                        let name = format!("the module {}", shown(name));
                        return Err(ConfigError::Duplicate { name, line: None });
                    }
                    module.layout.validate(false)?;
                    module.parameters.validate()?;
                }
                Ok(())
            }
            Self::Modules(_) => Err(ConfigError::Unsupported {
                what: "a module within a module".into(),
                line: None,
                advice: "give it `models` or `slices`",
            }),
        }
    }
}

impl OutputSlice {
    fn validate(&self) -> Result<(), ConfigError> {
        some("sources", &self.sources, "at least one model and its layer_range")?;
        self.base_model.iter().try_for_each(ModelName::validate)?;
        for SliceSource { model, layers, parameters } in &self.sources {
            model.validate()?;
            parameters.validate()?;
            let (name, line) = (shown(&model.to_string()), model.line);
            let (start, end) = (layers.start, layers.end);
            if layers.is_empty() || end > Config::MAX_LAYERS {
                return Err(ConfigError::LayerRange { model: name, start, end, line });
            }
            if layers.len() != self.layers() {
                let (layers, expected) = (layers.len(), self.layers());
                return Err(ConfigError::LayerCount { model: name, layers, expected, line });
            }
        }
        distinct(self.sources.iter().map(|source| &source.model))?;
        self.parameters.validate()
    }
}

impl ModelName {
    fn validate(&self) -> Result<(), ConfigError> {
        const MODEL: &str = "a model's folder or its id on the hub";
        text("a model", &self.model, self.line, MODEL)?;
        let lora = self.lora.as_ref();
        lora.iter().try_for_each(|lora| {
            text("an adapter", &lora.model, self.line, "an adapter's folder or its id on the hub")
        })?;
        let revisions = self.revision.iter().chain(lora.and_then(|lora| lora.revision.as_ref()));
        revisions
            .into_iter()
            .try_for_each(|revision| text("a revision", revision, self.line, "a branch, a tag or a commit"))
    }
}

impl Values {
    fn validate(&self) -> Result<(), ConfigError> {
        let mut names = BTreeSet::new();
        for (key, setting) in &self.0 {
            text("a parameter's name", &key.name, key.line, "its name, for example weight")?;
            if !names.insert(&key.name) {
                return Err(ConfigError::Duplicate { name: shown(&key.name), line: key.line });
            }
            setting.validate(key)?;
        }
        Ok(())
    }
}

impl Setting {
    /// The number that a text in quotes is.
    pub(super) fn number(text: &str) -> Option<f64> {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let is_plain = digits.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.');
        let is_octal =
            digits.starts_with('0') && digits[1..].starts_with(|letter: char| letter.is_ascii_digit());
        text.parse().ok().filter(|number: &f64| is_plain && !is_octal && number.is_finite())
    }

    fn validate(&self, key: &Key) -> Result<(), ConfigError> {
        let name = || shown(&key.name);
        match self {
            Self::Flag(_) => Ok(()),
            Self::Number(value) => number(name(), *value, key.line),
            Self::Text(word) => {
                text(&name(), word, key.line, "a number, a flag or a word")?;
                match Self::number(word).or_else(|| meant(word)) {
                    None => Ok(()),
                    suggestion => Err(ConfigError::NotANumber {
                        name: name(),
                        value: shown(word),
                        line: key.line,
                        suggestion,
                    }),
                }
            }
            Self::Gradient(points) => {
                some_at(name(), points, "at least one number", key.line)?;
                points.iter().try_for_each(|&point| number(format!("a point of {}", name()), point, key.line))
            }
            Self::Conditional(conditions) => {
                some_at(name(), conditions, "at least one {filter: …, value: …}", key.line)?;
                for (at, condition) in conditions.iter().enumerate() {
                    condition.validate(key)?;
                    if let Some(by) =
                        conditions[..at].iter().position(|earlier| earlier.takes_all_of(condition))
                    {
                        return Err(ConfigError::Unreachable {
                            name: name(),
                            line: key.line,
                            entry: at + 1,
                            by: by + 1,
                            filter: conditions[by].filter.as_deref().map(shown),
                        });
                    }
                }
                Ok(())
            }
        }
    }
}

impl Condition {
    fn validate(&self, key: &Key) -> Result<(), ConfigError> {
        if let Some(filter) = &self.filter {
            text(
                &format!("a filter of {}", shown(&key.name)),
                filter,
                key.line,
                "a piece of tensors' names, or *",
            )?;
        }
        match self.value {
            Setting::Conditional(_) => Err(ConfigError::Unsupported {
                what: format!("a filter within a filter of {}", shown(&key.name)),
                line: key.line,
                advice: "list the filters one after the other",
            }),
            _ => self.value.validate(key),
        }
    }

    /// Whether this fits every tensor that `later` fits.
    fn takes_all_of(&self, later: &Self) -> bool {
        self.catches_all()
            || (!later.catches_all() && later.filter.as_deref().is_some_and(|filter| self.fits(filter)))
    }
}

impl TokenizerSpec {
    fn validate(&self) -> Result<(), ConfigError> {
        if let TokenizerSource::Model(model) = &self.source {
            model.validate()?;
            if let word @ ("union" | "base") = model.to_string().as_str() {
                return Err(ConfigError::Unsupported {
                    what: format!("a tokenizer from a model named `{word}`"),
                    line: model.line,
                    advice: "give its path, for example ./base",
                });
            }
        }
        let mut names = BTreeSet::new();
        for (token, rule) in &self.tokens {
            if token.is_empty() {
                return Err(ConfigError::Empty { name: "a token".into(), what: "its text", line: None });
            }
            if !names.insert(token) {
                let name = format!("the token {}", shown(token));
                return Err(ConfigError::Duplicate { name, line: None });
            }
            match &rule.source {
                Some(EmbeddingSource::Model(model)) => model.validate()?,
                Some(EmbeddingSource::ModelToken { model, token }) => {
                    model.validate()?;
                    if *token == TokenId::Text(String::new()) {
                        return Err(ConfigError::Empty {
                            name: "token".into(),
                            what: "its text",
                            line: model.line,
                        });
                    }
                }
                Some(EmbeddingSource::Zero) | None => {}
            }
        }
        match self.pad_to_multiple_of {
            Some(0) => Err(ConfigError::WrongKind {
                name: "pad_to_multiple_of".into(),
                found: "0".into(),
                expected: "a whole number from 1, for example 64",
                line: None,
            }),
            _ => Ok(()),
        }
    }
}

/// Refuses a model that is merged with itself: only one of the two could have its parameters.
fn distinct<'a>(models: impl Iterator<Item = &'a ModelName>) -> Result<(), ConfigError> {
    let mut names = BTreeSet::new();
    for model in models {
        if !names.insert(model) {
            let name = format!("the model {}", shown(&model.to_string()));
            return Err(ConfigError::Duplicate { name, line: model.line });
        }
    }
    Ok(())
}

fn text(name: &str, value: &str, line: Option<u64>, what: &'static str) -> Result<(), ConfigError> {
    if value.trim().is_empty() {
        return Err(ConfigError::Empty { name: name.into(), what, line });
    }
    if value.chars().any(char::is_control) {
        return Err(ConfigError::ControlCharacter { name: name.into(), line });
    }
    Ok(())
}

fn number(name: String, value: f64, line: Option<u64>) -> Result<(), ConfigError> {
    if !value.is_finite() {
        return Err(ConfigError::NotFinite { name, value, line });
    }
    if value.abs() > Config::MAX_MAGNITUDE {
        return Err(ConfigError::TooLarge { name, value, line });
    }
    Ok(())
}

fn some<T>(name: &str, list: &[T], what: &'static str) -> Result<(), ConfigError> {
    some_at(name.into(), list, what, None)
}

fn some_at<T>(name: String, list: &[T], what: &'static str, line: Option<u64>) -> Result<(), ConfigError> {
    if list.is_empty() { Err(ConfigError::Empty { name, what, line }) } else { Ok(()) }
}
