//! The runs of the paper, by the names that it gives their outcomes.

mod baselines;
mod settings;
mod variants;

use crate::corpus::{Corpus, Share};
use crate::experiment::AbilityCorpus;
use crate::extraction::LanguageVectors;
use crate::run::{Form, Ranking, Run, Start, Trains};
use crate::settings::LabSettings;
use crate::world::{REFERENCE, TARGETS};
pub use settings::{RunSettings, Way};

/// A language and the texts that an experiment has in it.
#[derive(Debug, Clone, PartialEq)]
pub struct LanguageCorpora {
    /// Its code.
    pub code: String,
    /// C_L: general text.
    pub general: Corpus,
    /// The ability's corpus translated into it, where there is one; of the reference language none.
    pub translated: Option<Corpus>,
}

/// The runs of one ability, on a world or on files.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    /// Steps, rates and shares.
    pub settings: RunSettings,
    /// A, such as `arithmetic`.
    pub ability: String,
    /// C_{L0,A}.
    pub corpus: Corpus,
    /// L0.
    pub reference: LanguageCorpora,
    /// L1…Ln, in Eq. 3's order.
    pub targets: Vec<LanguageCorpora>,
    /// What every R(Lᵢ) is made of its run by.
    pub language_vectors: LanguageVectors,
}

impl Catalog {
    /// The world's, whose abilities are translated into every language.
    pub fn of_world(settings: &LabSettings, ability: &str) -> Self {
        let texts = |code: &str, translated| LanguageCorpora {
            code: code.to_owned(),
            general: Corpus::general(code),
            translated,
        };
        let target = |language| {
            let code = maec_world::Language::code(language);
            texts(code, Some(Corpus::ability(ability, code)))
        };
        Self {
            settings: settings.into(),
            ability: ability.to_owned(),
            corpus: Corpus::ability(ability, REFERENCE.code()),
            reference: texts(REFERENCE.code(), None),
            targets: TARGETS.map(target).into(),
            language_vectors: LanguageVectors::Plain,
        }
    }

    /// All languages' codes, the reference's first.
    pub fn codes(&self) -> Vec<&str> {
        self.everywhere().map(|language| language.code.as_str()).collect()
    }

    /// All languages, the reference first.
    fn everywhere(&self) -> impl Iterator<Item = &LanguageCorpora> {
        std::iter::once(&self.reference).chain(&self.targets)
    }

    fn run(
        &self,
        name: impl Into<String>,
        corpora: Vec<Share>,
        steps: u32,
        rate: f64,
        trains: Trains,
    ) -> Run {
        Run { name: name.into(), start: Start::Base, corpora, steps, rate, trains }
    }

    /// C_{L0,A} ∪ C_{L0} by the ability's weight.
    pub fn mixture(&self) -> Vec<Share> {
        let ability = Share { corpus: self.corpus.clone(), weight: self.settings.ability_weight };
        vec![ability, Share { corpus: self.reference.general.clone(), weight: 1.0 }]
    }

    /// What Θ_{A,L0} learns from.
    fn learned(&self, from: AbilityCorpus) -> Vec<Share> {
        match from {
            AbilityCorpus::Mixture => self.mixture(),
            AbilityCorpus::Alone => Share::whole(self.corpus.clone()),
        }
    }

    /// 𝒩_A.
    pub fn ability_neurons(&self) -> Ranking {
        Ranking {
            name: format!("key neurons of {}", self.ability),
            corpora: Share::whole(self.corpus.clone()),
            steps: self.settings.neuron_steps,
            rate: self.settings.neuron_rate,
            k1: self.settings.k1,
            form: self.settings.form,
        }
    }

    /// 𝒩_{L0}.
    pub fn reference_neurons(&self) -> Ranking {
        let name = format!("key neurons of {}", self.reference.code);
        Ranking { name, corpora: Share::whole(self.reference.general.clone()), ..self.ability_neurons() }
    }

    /// 𝒩_{Li}.
    pub fn language_neurons(&self, language: &LanguageCorpora) -> Ranking {
        Ranking {
            name: format!("key neurons of {}", language.code),
            corpora: Share::whole(language.general.clone()),
            steps: self.settings.language_neuron_steps,
            rate: self.settings.language_neuron_rate,
            ..self.ability_neurons()
        }
    }

    /// 𝒩_A and 𝒩_{L0}.
    pub fn both_neurons(&self) -> Vec<Ranking> {
        vec![self.ability_neurons(), self.reference_neurons()]
    }

    /// The other form of Eq. 1 than the experiment's own.
    pub fn other_form(&self) -> Form {
        self.settings.form.other()
    }

    /// Θ_{A,L0}: the union's neurons on the mixture, or on the ability's corpus alone.
    pub fn ability_and_reference(&self) -> Run {
        let s = &self.settings;
        let name = format!("{} + {}", self.ability, self.reference.code);
        let trains = Trains::KeyNeurons(self.both_neurons());
        self.run(name, self.learned(s.ability_corpus), s.ability_steps, s.ability_rate, trains)
    }

    /// Θ_{L0}: as many steps at the same rate.
    pub fn reference(&self) -> Run {
        let (s, language) = (&self.settings, &self.reference);
        let trains = Trains::KeyNeurons(vec![self.reference_neurons()]);
        let corpora = Share::whole(language.general.clone());
        self.run(&language.code, corpora, s.ability_steps, s.ability_rate, trains)
    }

    /// Θ_{Li}.
    pub fn language(&self, language: &LanguageCorpora) -> Run {
        let s = &self.settings;
        let trains = Trains::KeyNeurons(vec![self.language_neurons(language)]);
        let corpora = Share::whole(language.general.clone());
        self.run(&language.code, corpora, s.language_steps, s.language_rate, trains)
    }

    /// MAEC's masked trainings: Θ_{A,L0}, Θ_{L0}, then Θ_{Li}.
    pub fn masked(&self) -> Vec<Run> {
        let languages = self.targets.iter().map(|language| self.language(language));
        [self.ability_and_reference(), self.reference()].into_iter().chain(languages).collect()
    }
}
