//! The trainings that an ability's extraction asks for, wherever it stands.

use maec_recipe::Parameters;
use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, LanguageCorpora};
use crate::plan::Wanted;
use crate::run::{Ranking, Run};

/// What R(Lᵢ) of Eq. 3 is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LanguageVectors {
    /// Θ_{Li} − Θo.
    #[default]
    Plain,
    /// "Learned based on Eq. 2", as the paper has it below Eq. 3: α(Θ_{Li} − Θo) − β(Θ_{L0} − Θo).
    TwoTerm,
}

impl LanguageVectors {
    /// Whether it is what is taken where nothing is said.
    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::Plain
    }

    /// The model whose difference from Θo is R(Lᵢ), by the name of its file: Θ_{Li}'s own, or that of Θo + R(Lᵢ).
    pub(crate) fn model(self, code: &str) -> String {
        match self {
            Self::Plain => code.to_owned(),
            Self::TwoTerm => format!("r-{code}"),
        }
    }
}

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
    /// What every R(Lᵢ) is.
    pub language_vectors: LanguageVectors,
}

impl Extraction {
    /// Those of a catalog's ability; `weights` are the target languages' μ, in the catalog's order.
    pub fn new(catalog: &Catalog, parameters: Parameters, weights: &[f64]) -> Self {
        let target = |(language, weight): (&LanguageCorpora, &f64)| Target {
            code: language.code.clone(),
            weight: *weight,
            neurons: catalog.language_neurons(language),
            run: catalog.language(language),
        };
        Self {
            ability: catalog.ability.clone(),
            reference: catalog.reference.code.clone(),
            ability_neurons: catalog.ability_neurons(),
            reference_neurons: catalog.reference_neurons(),
            ability_run: catalog.ability_and_reference(),
            reference_run: catalog.reference(),
            languages: catalog.targets.iter().zip(weights).map(target).collect(),
            parameters,
            language_vectors: catalog.language_vectors,
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
        self.rankings().into_iter().map(|(name, ranking)| (name, ranking.by_other_form())).collect()
    }

    /// What the other form of Eq. 1 is called.
    pub fn other_form(&self) -> &'static str {
        self.ability_neurons.form.other().adjective()
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
