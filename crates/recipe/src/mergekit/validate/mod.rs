//! What a configuration's values must be, whatever they were read from.

mod check;
mod values;

use std::collections::BTreeSet;

use self::check::{some, text};
use super::{
    Config, ConfigError, EmbeddingSource, Layout, ModelEntry, ModelName, OutputSlice, SliceSource, TokenId,
    TokenizerSource, TokenizerSpec,
};
use crate::error::shown;

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
