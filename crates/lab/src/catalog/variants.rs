//! Ablations, controls and the empirical study.

use super::{Catalog, Way};
use crate::corpus::Share;
use crate::experiment::AbilityCorpus;
use crate::run::{Ranking, Run, Trains};

/// The language that the paper's Fig. 5 sets beside English.
const STUDIED: &str = "zh";

impl Catalog {
    /// Θ_{A,L0} with as many neurons drawn at random.
    pub fn random_mask(&self, seed: u64) -> Run {
        let trains = Trains::RandomNeurons { like: self.both_neurons(), seed };
        let name = format!("{} + {}, random neurons", self.ability, self.reference.code);
        Run { name, trains, ..self.ability_and_reference() }
    }

    /// −KNL: Θ_{A,L0} with all parameters.
    pub fn unmasked_ability(&self) -> Run {
        let name = format!("{} + {}, all parameters", self.ability, self.reference.code);
        Run { name, trains: Trains::All, rate: self.settings.full_rate, ..self.ability_and_reference() }
    }

    /// −KNL: Θ_{L0} with all parameters, at the same rate.
    pub fn unmasked_reference(&self) -> Run {
        let name = format!("{}, all parameters", self.reference.code);
        Run { name, trains: Trains::All, rate: self.settings.full_rate, ..self.reference() }
    }

    /// Θ_{A,L0} on the other of what the paper says it learns from: the ability's corpus alone, as in Algorithm 1's line 5, or the
    /// mixture where the experiment follows that line.
    pub fn other_corpus(&self) -> Run {
        let (from, how) = match self.settings.ability_corpus {
            AbilityCorpus::Mixture => (AbilityCorpus::Alone, "without"),
            AbilityCorpus::Alone => (AbilityCorpus::Mixture, "mixed with"),
        };
        let name = format!("{}, {how} {}", self.ability, self.reference.code);
        Run { name, corpora: self.learned(from), ..self.ability_and_reference() }
    }

    /// Θ_{A,L0} with the neurons that the other form of Eq. 1 ranks.
    pub fn other_ranking(&self) -> Run {
        let others = self.both_neurons().into_iter().map(Ranking::by_other_form);
        let name =
            format!("{} + {}, {} Eq. 1", self.ability, self.reference.code, self.other_form().adjective());
        Run { name, trains: Trains::KeyNeurons(others.collect()), ..self.ability_and_reference() }
    }

    /// Fig. 5: the ability with its top k₁ neurons only.
    pub fn top_neurons(&self) -> Run {
        let trains = Trains::KeyNeurons(vec![self.ability_neurons()]);
        let s = &self.settings;
        let name = format!("{}, top neurons", self.ability);
        self.run(name, Share::whole(self.corpus.clone()), s.ability_steps, s.ability_rate, trains)
    }

    /// Fig. 5: the ability with as many random neurons.
    pub fn random_neurons(&self, seed: u64) -> Run {
        let trains = Trains::RandomNeurons { like: vec![self.ability_neurons()], seed };
        Run { name: format!("{}, random neurons", self.ability), trains, ..self.top_neurons() }
    }

    /// Fig. 5: the ability in another language, all parameters, as [`ability_alone`](Self::ability_alone), with the language's
    /// code: Chinese where the ability is translated into it, as in the paper, else the first that it is.
    pub fn ability_elsewhere(&self) -> Option<(&str, Run)> {
        let translated = || self.targets.iter().filter(|language| language.translated.is_some());
        let language = translated().find(|language| language.code == STUDIED).or(translated().next())?;
        let name = format!("{} in {}, F", self.ability, language.code);
        let corpora = Share::whole(language.translated.clone()?);
        Some((&language.code, Run { name, corpora, ..self.ability_alone(Way::Full) }))
    }
}
