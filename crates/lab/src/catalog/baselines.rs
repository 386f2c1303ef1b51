//! Task vectors' models and continual pre-training: the rows of Table 2 beside MAEC's.

use super::{Catalog, LanguageCorpora, Way};
use crate::corpus::{Corpus, Share};
use crate::run::{Run, Start, Trains};

/// Task vectors.
impl Catalog {
    /// The task vectors' model of the ability: as many steps as Θ_{A,L0}.
    pub fn ability_alone(&self, way: Way) -> Run {
        let (s, name) = (&self.settings, format!("{}, {}", self.ability, way.letter()));
        let corpora = Share::whole(self.corpus.clone());
        self.run(name, corpora, s.ability_steps, s.ability_rate_of(way), s.trains(way))
    }

    /// The task vectors' model of a language: as many steps as Θ_{Li}.
    pub fn language_alone(&self, language: &LanguageCorpora, way: Way) -> Run {
        let (s, name) = (&self.settings, format!("{}, {}", language.code, way.letter()));
        let corpora = Share::whole(language.general.clone());
        self.run(name, corpora, s.language_steps, s.language_rate_of(way), s.trains(way))
    }

    /// Both: the ability's model, then those of the target languages.
    pub fn task_vectors(&self, way: Way) -> Vec<Run> {
        let languages = self.targets.iter().map(|language| self.language_alone(language, way));
        std::iter::once(self.ability_alone(way)).chain(languages).collect()
    }
}

/// Continual pre-training: every run has [`Catalog::budget`] steps.
impl Catalog {
    /// Steps of MAEC's masked trainings together.
    pub fn budget(&self) -> u32 {
        self.settings.budget(self.targets.len())
    }

    fn generals(&self) -> impl Iterator<Item = Corpus> {
        self.everywhere().map(|language| language.general.clone())
    }

    /// The ability's corpus in every language; none where a translation is missing.
    fn translations(&self) -> Option<Vec<Corpus>> {
        let targets = self.targets.iter().map(|language| language.translated.clone());
        std::iter::once(Some(self.corpus.clone())).chain(targets).collect()
    }

    /// The target languages that the ability is not translated into, by their codes.
    pub fn untranslated(&self) -> Vec<&str> {
        let missing = self.targets.iter().filter(|language| language.translated.is_none());
        missing.map(|language| language.code.as_str()).collect()
    }

    /// F/L-CPT_{L&A}: every language's general text and the ability in the reference language.
    pub fn languages_and_ability(&self, way: Way) -> Run {
        let (s, corpora) = (&self.settings, self.generals().chain([self.corpus.clone()]));
        let name = format!("{}-CPT_{{L&A}} {}", way.letter(), self.ability);
        self.run(name, Share::equal(corpora), self.budget(), s.ability_rate_of(way), s.trains(way))
    }

    /// F/L-CPT_A: the ability alone.
    pub fn ability_only(&self, way: Way) -> Run {
        let (s, name) = (&self.settings, format!("{}-CPT_A {}", way.letter(), self.ability));
        let corpora = Share::whole(self.corpus.clone());
        self.run(name, corpora, self.budget(), s.ability_rate_of(way), s.trains(way))
    }

    /// F/L-CPT_L: every language's general text.
    pub fn languages_only(&self, way: Way) -> Run {
        self.languages_for(way, self.budget())
    }

    fn languages_for(&self, way: Way, steps: u32) -> Run {
        let (s, name) = (&self.settings, format!("{}-CPT_L", way.letter()));
        self.run(name, Share::equal(self.generals()), steps, s.language_rate_of(way), s.trains(way))
    }

    /// F/L-CPT_L & DA: the languages first, then the ability, within the budget.
    pub fn languages_then_ability(&self, way: Way) -> Run {
        let before = self.budget() - self.settings.ability_steps;
        Run {
            name: format!("{}-CPT_L & DA {}", way.letter(), self.ability),
            start: Start::After(Box::new(self.languages_for(way, before))),
            ..self.ability_alone(way)
        }
    }

    /// F-CPT_{L&T}: every language's general text and the ability translated into every language, where it is.
    pub fn languages_and_translated(&self) -> Option<Run> {
        let corpora = self.generals().chain(self.translations()?);
        let name = format!("F-CPT_{{L&T}} {}", self.ability);
        Some(self.run(name, Share::equal(corpora), self.budget(), self.settings.full_rate, Trains::All))
    }

    /// F-CPT_T: the ability translated into every language, where it is.
    pub fn translated_only(&self) -> Option<Run> {
        let (name, corpora) = (format!("F-CPT_T {}", self.ability), Share::equal(self.translations()?));
        Some(self.run(name, corpora, self.budget(), self.settings.full_rate, Trains::All))
    }
}
