//! The runs of the paper, by the names that it gives their outcomes.

use maec_train::{ALL_LINEAR, LoraConfig};
use maec_world::Language;

use crate::corpus::{Corpus, Share};
use crate::run::{Form, Ranking, Run, Start, Trains};
use crate::settings::LabSettings;
use crate::world::{REFERENCE, TARGETS};

/// Which parameters a baseline trains: the paper's F and L.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// All parameters.
    Full,
    /// Low-rank factors.
    Lora,
}

impl Way {
    /// `F` or `L`.
    pub fn letter(self) -> char {
        match self {
            Self::Full => 'F',
            Self::Lora => 'L',
        }
    }
}

/// The runs of one ability under some settings.
pub struct Catalog<'a> {
    /// Steps, rates and shares.
    pub settings: &'a LabSettings,
    /// A, such as `arithmetic`.
    pub ability: &'a str,
}

/// All languages, the reference first.
fn everywhere() -> impl Iterator<Item = Language> {
    std::iter::once(REFERENCE).chain(TARGETS)
}

fn general(language: Language) -> Corpus {
    Corpus::general(language.code())
}

impl Catalog<'_> {
    fn corpus(&self, language: Language) -> Corpus {
        Corpus::ability(self.ability, language.code())
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

    /// C_{L0,A} ∪ C_{L0}, the mixture that Θ_{A,L0} is trained on.
    pub fn mixture(&self) -> Vec<Share> {
        let ability = Share { corpus: self.corpus(REFERENCE), weight: self.settings.ability_weight };
        vec![ability, Share { corpus: general(REFERENCE), weight: 1.0 }]
    }

    /// 𝒩_A.
    pub fn ability_neurons(&self) -> Ranking {
        Ranking {
            name: format!("key neurons of {}", self.ability),
            corpora: Share::whole(self.corpus(REFERENCE)),
            steps: self.settings.neuron_steps,
            rate: self.settings.neuron_rate,
            k1: self.settings.k1,
            form: Form::Change,
        }
    }

    /// 𝒩_{L0}.
    pub fn reference_neurons(&self) -> Ranking {
        let name = format!("key neurons of {}", REFERENCE.code());
        Ranking { name, corpora: Share::whole(general(REFERENCE)), ..self.ability_neurons() }
    }

    /// 𝒩_{Li}.
    pub fn language_neurons(&self, language: Language) -> Ranking {
        Ranking {
            name: format!("key neurons of {}", language.code()),
            corpora: Share::whole(general(language)),
            steps: self.settings.language_neuron_steps,
            rate: self.settings.language_rate,
            ..self.ability_neurons()
        }
    }

    /// 𝒩_A and 𝒩_{L0}.
    pub fn both_neurons(&self) -> Vec<Ranking> {
        vec![self.ability_neurons(), self.reference_neurons()]
    }

    /// Θ_{A,L0}: the union's neurons on the mixture.
    pub fn ability_and_reference(&self) -> Run {
        let s = self.settings;
        let name = format!("{} + {}", self.ability, REFERENCE.code());
        let trains = Trains::KeyNeurons(self.both_neurons());
        self.run(name, self.mixture(), s.ability_steps, s.ability_rate, trains)
    }

    /// Θ_{L0}: as many steps at the same rate.
    pub fn reference(&self) -> Run {
        let s = self.settings;
        let trains = Trains::KeyNeurons(vec![self.reference_neurons()]);
        self.run(REFERENCE.code(), Share::whole(general(REFERENCE)), s.ability_steps, s.ability_rate, trains)
    }

    /// Θ_{Li}.
    pub fn language(&self, language: Language) -> Run {
        let s = self.settings;
        let trains = Trains::KeyNeurons(vec![self.language_neurons(language)]);
        self.run(language.code(), Share::whole(general(language)), s.language_steps, s.language_rate, trains)
    }

    fn trains(&self, way: Way) -> Trains {
        match way {
            Way::Full => Trains::All,
            Way::Lora => Trains::Lora(LoraConfig {
                rank: self.settings.lora_rank,
                alpha: 2.0 * self.settings.lora_rank as f64,
                targets: vec![ALL_LINEAR.to_owned()],
            }),
        }
    }

    fn ability_rate(&self, way: Way) -> f64 {
        match way {
            Way::Full => self.settings.full_rate,
            Way::Lora => self.settings.lora_rate,
        }
    }

    fn language_rate(&self, way: Way) -> f64 {
        match way {
            Way::Full => self.settings.language_rate,
            Way::Lora => self.settings.lora_language_rate,
        }
    }

    /// The task vectors' model of the ability: as many steps as Θ_{A,L0}.
    pub fn ability_alone(&self, way: Way) -> Run {
        let name = format!("{}, {}", self.ability, way.letter());
        let corpora = Share::whole(self.corpus(REFERENCE));
        self.run(name, corpora, self.settings.ability_steps, self.ability_rate(way), self.trains(way))
    }

    /// The task vectors' model of a language: as many steps as Θ_{Li}.
    pub fn language_alone(&self, language: Language, way: Way) -> Run {
        let name = format!("{}, {}", language.code(), way.letter());
        let corpora = Share::whole(general(language));
        self.run(name, corpora, self.settings.language_steps, self.language_rate(way), self.trains(way))
    }
}

/// Continual pre-training, the rows of Table 2: every one has [`LabSettings::budget`] steps.
impl Catalog<'_> {
    /// F/L-CPT_{L&A}: every language's general text and the ability in the reference language.
    pub fn languages_and_ability(&self, way: Way) -> Run {
        let corpora = everywhere().map(general).chain([self.corpus(REFERENCE)]);
        let name = format!("{}-CPT_{{L&A}} {}", way.letter(), self.ability);
        self.run(
            name,
            Share::equal(corpora),
            self.settings.budget(),
            self.ability_rate(way),
            self.trains(way),
        )
    }

    /// F/L-CPT_A: the ability alone.
    pub fn ability_only(&self, way: Way) -> Run {
        let name = format!("{}-CPT_A {}", way.letter(), self.ability);
        let corpora = Share::whole(self.corpus(REFERENCE));
        self.run(name, corpora, self.settings.budget(), self.ability_rate(way), self.trains(way))
    }

    /// F/L-CPT_L: every language's general text.
    pub fn languages_only(&self, way: Way) -> Run {
        self.languages_for(way, self.settings.budget())
    }

    fn languages_for(&self, way: Way, steps: u32) -> Run {
        let name = format!("{}-CPT_L", way.letter());
        let corpora = Share::equal(everywhere().map(general));
        self.run(name, corpora, steps, self.language_rate(way), self.trains(way))
    }

    /// F/L-CPT_L & DA: the languages first, then the ability, within the budget.
    pub fn languages_then_ability(&self, way: Way) -> Run {
        let before = self.settings.budget() - self.settings.ability_steps;
        Run {
            name: format!("{}-CPT_L & DA {}", way.letter(), self.ability),
            start: Start::After(Box::new(self.languages_for(way, before))),
            ..self.ability_alone(way)
        }
    }

    /// F-CPT_{L&T}: every language's general text and the ability translated into every language.
    pub fn languages_and_translated(&self) -> Run {
        let translated = everywhere().map(|language| self.corpus(language));
        let corpora = everywhere().map(general).chain(translated);
        let name = format!("F-CPT_{{L&T}} {}", self.ability);
        self.run(name, Share::equal(corpora), self.settings.budget(), self.settings.full_rate, Trains::All)
    }

    /// F-CPT_T: the ability translated into every language.
    pub fn translated_only(&self) -> Run {
        let corpora = everywhere().map(|language| self.corpus(language));
        let name = format!("F-CPT_T {}", self.ability);
        self.run(name, Share::equal(corpora), self.settings.budget(), self.settings.full_rate, Trains::All)
    }
}

/// Ablations, controls and the empirical study.
impl Catalog<'_> {
    /// Θ_{A,L0} with as many neurons drawn at random.
    pub fn random_mask(&self, seed: u64) -> Run {
        let trains = Trains::RandomNeurons { like: self.both_neurons(), seed };
        let name = format!("{} + {}, random neurons", self.ability, REFERENCE.code());
        Run { name, trains, ..self.ability_and_reference() }
    }

    /// −KNL: Θ_{A,L0} with all parameters.
    pub fn unmasked_ability(&self) -> Run {
        let name = format!("{} + {}, all parameters", self.ability, REFERENCE.code());
        Run { name, trains: Trains::All, rate: self.settings.full_rate, ..self.ability_and_reference() }
    }

    /// −KNL: Θ_{L0} with all parameters, at the same rate.
    pub fn unmasked_reference(&self) -> Run {
        let name = format!("{}, all parameters", REFERENCE.code());
        Run { name, trains: Trains::All, rate: self.settings.full_rate, ..self.reference() }
    }

    /// Algorithm 1's line 5 to the letter: Θ_{A,L0} on the ability's corpus alone.
    pub fn ability_without_reference(&self) -> Run {
        let name = format!("{}, without {}", self.ability, REFERENCE.code());
        Run { name, corpora: Share::whole(self.corpus(REFERENCE)), ..self.ability_and_reference() }
    }

    /// Θ_{A,L0} with the neurons that exact gradients rank.
    pub fn exact_ability(&self) -> Run {
        let exact = self.both_neurons().into_iter().map(|ranking| ranking.by(Form::Gradient));
        let name = format!("{} + {}, exact Eq. 1", self.ability, REFERENCE.code());
        Run { name, trains: Trains::KeyNeurons(exact.collect()), ..self.ability_and_reference() }
    }

    /// Fig. 5: the ability with its top k₁ neurons only.
    pub fn top_neurons(&self) -> Run {
        let trains = Trains::KeyNeurons(vec![self.ability_neurons()]);
        let s = self.settings;
        let name = format!("{}, top neurons", self.ability);
        self.run(name, Share::whole(self.corpus(REFERENCE)), s.ability_steps, s.ability_rate, trains)
    }

    /// Fig. 5: the ability with as many random neurons.
    pub fn random_neurons(&self, seed: u64) -> Run {
        let trains = Trains::RandomNeurons { like: vec![self.ability_neurons()], seed };
        Run { name: format!("{}, random neurons", self.ability), trains, ..self.top_neurons() }
    }

    /// Fig. 5: the ability in another language, all parameters, as [`ability_alone`](Self::ability_alone).
    pub fn ability_in(&self, language: Language) -> Run {
        let name = format!("{} in {}, F", self.ability, language.code());
        Run { name, corpora: Share::whole(self.corpus(language)), ..self.ability_alone(Way::Full) }
    }
}
