//! The trainings that an ability's extraction asks for, wherever it stands.

use maec_recipe::Parameters;

use crate::catalog::Catalog;
use crate::merging::MaecChoice;
use crate::plan::Wanted;
use crate::run::{Form, Ranking, Run};
use crate::world::{REFERENCE, TARGETS};

/// A target language's trainings.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Its code.
    pub code: String,
    /// μᵢ of Eq. 3.
    pub weight: f64,
    /// 𝒩_{Li}.
    pub neurons: Ranking,
    /// Θ_{Li}.
    pub run: Run,
}

/// An ability's trainings, and the scalars of the merge that they are for.
#[derive(Debug, Clone, PartialEq)]
pub struct Extraction {
    /// A.
    pub ability: String,
    /// L0's code.
    pub reference: String,
    /// 𝒩_A.
    pub ability_neurons: Ranking,
    /// 𝒩_{L0}.
    pub reference_neurons: Ranking,
    /// Θ_{A,L0}.
    pub ability_run: Run,
    /// Θ_{L0}.
    pub reference_run: Run,
    /// L1…Ln in Eq. 3's order.
    pub languages: Vec<Target>,
    /// α, β, γ, η, k₂ (and λ).
    pub parameters: Parameters,
}

impl Extraction {
    /// The world's, of the ability that a catalog is for.
    pub fn of_world(catalog: &Catalog<'_>, choice: &MaecChoice) -> Self {
        let target = |language| Target {
            code: maec_world::Language::code(language).to_owned(),
            weight: choice.mu,
            neurons: catalog.language_neurons(language),
            run: catalog.language(language),
        };
        Self {
            ability: catalog.ability.to_owned(),
            reference: REFERENCE.code().to_owned(),
            ability_neurons: catalog.ability_neurons(),
            reference_neurons: catalog.reference_neurons(),
            ability_run: catalog.ability_and_reference(),
            reference_run: catalog.reference(),
            languages: TARGETS.map(target).into(),
            parameters: choice.parameters,
        }
    }

    /// Every ranking with what its files are called: `a` for the ability, else the language's code.
    pub fn rankings(&self) -> Vec<(String, Ranking)> {
        let first =
            [("a".to_owned(), &self.ability_neurons), (self.reference.clone(), &self.reference_neurons)];
        let languages = self.languages.iter().map(|target| (target.code.clone(), &target.neurons));
        first.into_iter().chain(languages).map(|(name, ranking)| (name, ranking.clone())).collect()
    }

    /// The rankings with the other form of Eq. 1 than the experiment's own: exact gradients, or the approximation.
    pub fn other_rankings(&self) -> Vec<(String, Ranking)> {
        let other = |ranking: Ranking| {
            let form = match ranking.form {
                Form::Change => Form::Gradient,
                Form::Gradient => Form::Change,
            };
            let name = format!("{}, {}", ranking.name, self.other_form());
            Ranking { name, ..ranking.by(form) }
        };
        self.rankings().into_iter().map(|(name, ranking)| (name, other(ranking))).collect()
    }

    /// What the other form of Eq. 1 is called.
    pub fn other_form(&self) -> &'static str {
        match self.ability_neurons.form {
            Form::Change => "exact",
            Form::Gradient => "approximated",
        }
    }

    /// Every masked training.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        [&self.ability_run, &self.reference_run]
            .into_iter()
            .chain(self.languages.iter().map(|target| &target.run))
    }

    /// All of it in the order in which it is trained; `exact` adds [`other_rankings`](Self::other_rankings).
    pub fn wanted(&self, exact: bool) -> Vec<Wanted> {
        let others = if exact { self.other_rankings() } else { Vec::new() };
        let rankings = self.rankings().into_iter().chain(others).map(|(_, ranking)| Wanted::Neurons(ranking));
        rankings.chain(self.runs().cloned().map(Wanted::Weights)).collect()
    }
}
