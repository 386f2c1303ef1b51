//! Every model's name in a configuration, to be changed: a revision becomes the commit that was fetched for it.

use super::{Config, EmbeddingSource, Layout, ModelName, TokenizerSource};

impl Config {
    /// Shows every model's name to `change`, also those that occur twice.
    pub fn rename(&mut self, change: &mut dyn FnMut(&mut ModelName)) {
        self.base_model.iter_mut().for_each(&mut *change);
        self.layout.rename(change);
        let Some(tokenizer) = &mut self.tokenizer else { return };
        if let TokenizerSource::Model(model) = &mut tokenizer.source {
            change(model);
        }
        for (_, rule) in &mut tokenizer.tokens {
            if let Some(EmbeddingSource::Model(model) | EmbeddingSource::ModelToken { model, .. }) =
                &mut rule.source
            {
                change(model);
            }
        }
    }
}

impl Layout {
    fn rename(&mut self, change: &mut dyn FnMut(&mut ModelName)) {
        match self {
            Self::Models(entries) => entries.iter_mut().for_each(|entry| change(&mut entry.model)),
            Self::Slices(slices) => {
                for slice in slices {
                    slice.base_model.iter_mut().for_each(&mut *change);
                    slice.sources.iter_mut().for_each(|source| change(&mut source.model));
                }
            }
            Self::Modules(modules) => modules.iter_mut().for_each(|(_, module)| module.layout.rename(change)),
        }
    }
}
