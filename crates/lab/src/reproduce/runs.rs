//! Everything that the paper's tables train, in lists that measuring and planning share.

use crate::catalog::{Catalog, Way};
use crate::experiment::AbilityCorpus;
use crate::plan::Wanted;
use crate::run::{Form, Ranking, Run};

/// How the name of a pair of languages begins.
pub(super) const SAME_ABILITY: &str = "the same ability";

/// A name in a table, and what is trained for it.
pub(super) type Named<T> = (String, T);

impl Catalog {
    /// Eq. 1's sets that MAEC trains: the ability's, the reference's, the target languages'.
    pub(super) fn rankings(&self) -> Vec<Ranking> {
        let languages = self.targets.iter().map(|language| self.language_neurons(language));
        self.both_neurons().into_iter().chain(languages).collect()
    }

    /// Table 2's continual pre-trainings; those on translations where the ability has them.
    pub(super) fn continual(&self) -> Vec<Named<Run>> {
        let always = [
            ("F-CPT_{L&A}", self.languages_and_ability(Way::Full)),
            ("L-CPT_{L&A}", self.languages_and_ability(Way::Lora)),
            ("F-CPT_A", self.ability_only(Way::Full)),
            ("F-CPT_L", self.languages_only(Way::Full)),
            ("L-CPT_L", self.languages_only(Way::Lora)),
            ("F-CPT_L & DA", self.languages_then_ability(Way::Full)),
            ("L-CPT_L & DA", self.languages_then_ability(Way::Lora)),
        ];
        let translated =
            [("F-CPT_{L&T}", self.languages_and_translated()), ("F-CPT_T", self.translated_only())];
        let translated = translated.into_iter().filter_map(|(name, run)| Some((name, run?)));
        always.into_iter().chain(translated).map(|(name, run)| (name.to_owned(), run)).collect()
    }

    /// Controls and variants of Θ_{A,L0}, which stand in its place.
    pub(super) fn variants(&self, seed: u64) -> Vec<Named<Run>> {
        let other_corpus = match self.settings.ability_corpus {
            AbilityCorpus::Mixture => "ability corpus alone".to_owned(),
            AbilityCorpus::Alone => format!("ability corpus mixed with {}", self.reference.code),
        };
        let other_form = format!("{} Eq. 1", self.other_form().adjective());
        let runs = [
            ("random neurons".to_owned(), self.random_mask(seed)),
            (other_corpus, self.other_corpus()),
            (other_form, self.other_ranking()),
        ];
        runs.into_iter().map(|(name, run)| (format!("MAEC, {name}"), run)).collect()
    }

    /// −KNL's Θ_{A,L0} and Θ_{L0}, then the target languages, all of all parameters.
    pub(super) fn unmasked(&self) -> Vec<Run> {
        let languages = self.targets.iter().map(|language| self.language_alone(language, Way::Full));
        [self.unmasked_ability(), self.unmasked_reference()].into_iter().chain(languages).collect()
    }

    /// Fig. 5's losses.
    pub(super) fn curves(&self, seed: u64) -> Vec<Named<Run>> {
        let percent = self.settings.k1 * 100.0;
        vec![
            (format!("top {percent} %"), self.top_neurons()),
            (format!("random {percent} %"), self.random_neurons(seed)),
            ("all parameters".to_owned(), self.ability_alone(Way::Full)),
        ]
    }

    /// Fig. 5's models that are compared with the ability's own: the same ability in another language, where it is translated,
    /// and other abilities in the same language.
    pub(super) fn compared(&self, others: &[&Self]) -> Vec<Named<Run>> {
        let here = &self.reference.code;
        let language = self.ability_elsewhere().map(|(code, run)| {
            let name = format!("{SAME_ABILITY}, {here} and {code}");
            (name, run)
        });
        let abilities = others.iter().map(|other| {
            let name = format!("{} and {}, both {here}", self.ability, other.ability);
            (name, other.ability_alone(Way::Full))
        });
        language.into_iter().chain(abilities).collect()
    }

    /// The sets that 𝒩_A is compared with.
    pub(super) fn neighbours(&self, others: &[&Self]) -> Vec<Named<Ranking>> {
        let exact = match self.other_form() {
            Form::Gradient => "𝒩_A: the paper's form and exact gradients",
            Form::Change => "𝒩_A: exact gradients and the paper's form",
        };
        let mut sets = vec![
            (format!("𝒩_A and 𝒩_{}", self.reference.code), self.reference_neurons()),
            (exact.to_owned(), self.ability_neurons().by_other_form()),
        ];
        sets.extend(
            self.targets
                .iter()
                .map(|language| (format!("𝒩_A and 𝒩_{}", language.code), self.language_neurons(language))),
        );
        sets.extend(
            others.iter().map(|other| (format!("𝒩_A and 𝒩 of {}", other.ability), other.ability_neurons())),
        );
        sets
    }

    /// Rows and pairs that the tables lack, and why.
    pub(super) fn left_out(&self, others: &[&Self]) -> Vec<String> {
        let mut left_out = Vec::new();
        let missing = self.untranslated();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            left_out.push(format!(
                "F-CPT_{{L&T}} and F-CPT_T are left out: {} has no corpus translated into {missing}.",
                self.ability
            ));
        }
        if self.ability_elsewhere().is_none() {
            left_out.push(
                "Fig. 5 has no pair of languages: no translated corpus of the ability is there.".into(),
            );
        }
        if others.is_empty() {
            left_out
                .push("Table 3 and Fig. 5 have no other ability: the experiment has this one alone.".into());
        }
        left_out
    }

    fn needed(&self, seed: u64, others: &[&Self]) -> Vec<Wanted> {
        let rankings = self.rankings().into_iter().map(Wanted::Neurons);
        let named = [self.continual(), self.variants(seed), self.curves(seed), self.compared(others)];
        let runs =
            [self.masked(), self.task_vectors(Way::Full), self.task_vectors(Way::Lora), self.unmasked()];
        let neighbours = self.neighbours(others).into_iter().map(|(_, ranking)| Wanted::Neurons(ranking));
        let runs = runs.into_iter().flatten().chain(named.into_iter().flatten().map(|(_, run)| run));
        rankings.chain(runs.map(Wanted::Weights)).chain(neighbours).collect()
    }
}

/// All that one seed's tables train, for plans and progress; what several rows need stands here as often.
pub fn wanted(catalogs: &[Catalog], seed: u64) -> Vec<Wanted> {
    let needed = |(index, catalog): (usize, &Catalog)| catalog.needed(seed, &others(catalogs, index));
    catalogs.iter().enumerate().flat_map(needed).collect()
}

/// All catalogs but one.
pub(super) fn others(catalogs: &[Catalog], index: usize) -> Vec<&Catalog> {
    catalogs.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, catalog)| catalog).collect()
}
