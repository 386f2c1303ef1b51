//! Every checkpoint that the quickstart compares, trained from one seed.

use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::Result;
use indicatif::ProgressBar;
use maec_checkpoint::Weights;
use maec_lab::{Catalog, Lab, LabSettings, News, Parts, Store, TARGETS, Watch, Way, WorldGround};

use crate::{interrupt, progress};

/// The checkpoints of one seed, all rounded to bfloat16 as the pack stores them.
pub struct Artefacts {
    /// Of key neurons: what MAEC merges.
    pub masked: Parts,
    /// Of all parameters: F-CPT_A, and the languages of F-TV. Θ_{L0} is the masked one, which no task vector reads.
    pub full: Parts,
}

impl Artefacts {
    /// Trains everything with a progress bar.
    ///
    /// # Errors
    /// When a run diverges or is broken off.
    pub fn train(ground: &WorldGround, ability: &str) -> Result<Self> {
        let bar = Bar::new(ground);
        let lab = Lab { ground, store: &Store::memory(), watch: &bar };
        let catalog = Catalog::of_world(&ground.settings, ability);
        let weights = |run| -> Result<Arc<dyn Weights>> { Ok(lab.train(&run)?.weights) };
        let base = lab.base()?;
        let ability = weights(catalog.ability_and_reference())?;
        let reference = weights(catalog.reference())?;
        let (mut languages, mut full_languages) = (Vec::new(), Vec::new());
        for language in &catalog.targets {
            languages.push(weights(catalog.language(language))?);
            full_languages.push(weights(catalog.language_alone(language, Way::Full))?);
        }
        let full_ability = weights(catalog.ability_alone(Way::Full))?;
        bar.0.finish_and_clear();
        let language_vectors = catalog.language_vectors;
        let masked = Parts { base, ability, reference, languages, language_vectors };
        let full = Parts { ability: full_ability, languages: full_languages, ..masked.clone() };
        Ok(Self { masked, full })
    }
}

/// Steps of all of a seed's runs.
struct Bar(ProgressBar);

impl Bar {
    fn new(ground: &WorldGround) -> Self {
        let LabSettings { base_steps, ability_steps, language_steps, .. } = ground.settings;
        let LabSettings { neuron_steps, language_neuron_steps, .. } = ground.settings;
        let targets = TARGETS.len() as u32;
        let total = base_steps
            + 3 * ability_steps
            + 2 * neuron_steps
            + targets * (2 * language_steps + language_neuron_steps);
        Self(progress::bar(&format!("seed {}", ground.seed), u64::from(total)))
    }
}

impl Watch for Bar {
    fn step(&self, news: News<'_>) -> ControlFlow<()> {
        self.0.inc(1);
        let (name, loss, rate) = (news.name, news.loss, news.tokens_per_second);
        self.0.set_message(format!("{name} · loss {loss:.3} · {rate:.0} tokens/s"));
        interrupt::flow()
    }
}
