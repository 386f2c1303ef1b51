//! Every checkpoint that MAEC and its baselines need, trained from one seed.

use anyhow::Result;
use maec_checkpoint::{Dtype, MemoryWeights};
use maec_world::{Document, Language};

use super::workshop::{News, Run, Workshop};

/// The checkpoints of one seed, all rounded to bfloat16 as the pack stores them.
pub struct Artefacts {
    /// Θo.
    pub base: MemoryWeights,
    /// Θ_{A,L0}: key neurons of the ability and English, trained on both.
    pub ability: MemoryWeights,
    /// Θ_{L0}: key neurons of English, trained on English.
    pub reference: MemoryWeights,
    /// Θ_{Li}: key neurons of each target language, trained on it.
    pub languages: Vec<MemoryWeights>,
    /// F-CPT_A: all parameters on the ability corpus.
    pub full_ability: MemoryWeights,
    /// All parameters on each target language's general text, for F-TV.
    pub full_languages: Vec<MemoryWeights>,
}

/// The target languages, in the recipe's order.
pub const TARGETS: [Language; 4] = [Language::Es, Language::Zh, Language::Bn, Language::Te];

impl Artefacts {
    /// Trains everything.
    ///
    /// # Errors
    /// When a run diverges.
    pub fn train(workshop: &Workshop, news: &News<'_>) -> Result<Self> {
        let base = Self::train_base(workshop, news)?;
        Self::train_from(base, workshop, news)
    }

    /// Trains Θo on the base mix.
    ///
    /// # Errors
    /// When the run diverges.
    pub fn train_base(workshop: &Workshop, news: &News<'_>) -> Result<MemoryWeights> {
        let run = Run {
            name: "base".to_owned(),
            start: None,
            corpora: vec![("base", workshop.world.base().collect(), 1.0)],
            steps: workshop.settings.base_steps,
            rate: workshop.settings.base_rate,
            neurons: None,
        };
        workshop.train(&run, Dtype::BF16, news)
    }

    /// Trains everything else from a base.
    ///
    /// # Errors
    /// When a run diverges.
    pub fn train_from(base: MemoryWeights, workshop: &Workshop, news: &News<'_>) -> Result<Self> {
        let (world, s) = (&workshop.world, &workshop.settings);
        let general = |language: Language| world.general(language).collect::<Vec<Document>>();
        let ability = || world.ability().collect::<Vec<Document>>();
        let run = |name: &str, corpora, steps, rate, neurons| Run {
            name: name.to_owned(),
            start: Some(&base),
            corpora,
            steps,
            rate,
            neurons,
        };

        // Eq. 1 for the ability and for every language.
        let english = || vec![("en", general(Language::En), 1.0)];
        let find = |name: &str, corpora, steps, rate| {
            workshop.key_neurons(&run(name, corpora, steps, rate, None), news)
        };
        let corpora = vec![("ability", ability(), 1.0)];
        let of_ability = find("key neurons of the ability", corpora, s.neuron_steps, s.neuron_rate)?;
        let of_english = find("key neurons of en", english(), s.neuron_steps, s.neuron_rate)?;

        // Masked continual pre-training. Θ_{A,L0} and Θ_{L0} take equal steps at equal rates.
        let mixture = vec![("ability", ability(), s.ability_weight), ("en", general(Language::En), 1.0)];
        let union = of_ability.union(&of_english);
        let both = run("ability + en", mixture, s.ability_steps, s.ability_rate, Some(union));
        let both = workshop.train(&both, Dtype::BF16, news)?;
        let reference = run("en", english(), s.ability_steps, s.ability_rate, Some(of_english));
        let reference = workshop.train(&reference, Dtype::BF16, news)?;

        let mut languages = Vec::new();
        let mut full_languages = Vec::new();
        for language in TARGETS {
            let code = language.code();
            let corpus = || vec![(code, general(language), 1.0)];
            let name = format!("key neurons of {code}");
            let neurons = find(&name, corpus(), s.language_neuron_steps, s.language_rate)?;
            let masked = run(code, corpus(), s.language_steps, s.language_rate, Some(neurons));
            languages.push(workshop.train(&masked, Dtype::BF16, news)?);
            let name = format!("{code}, all parameters");
            let full = run(&name, corpus(), s.language_steps, s.language_rate, None);
            full_languages.push(workshop.train(&full, Dtype::BF16, news)?);
        }
        let corpora = vec![("ability", ability(), 1.0)];
        let full = run("ability, all parameters", corpora, s.ability_steps, s.full_rate, None);
        let full_ability = workshop.train(&full, Dtype::BF16, news)?;
        Ok(Self { base, ability: both, reference, languages, full_ability, full_languages })
    }
}
