//! Eq. 4 on the page: the ranking from cached statistics, and the overrides that a click makes. Pure and instant.

use crate::order::sorted;
use maec_merge::{Selection, count_half_up, select};
use maec_protocol::TensorScore;
use maec_recipe::{MergeMethod, ModelRef, Parameters, Recipe, Select};

/// Whether Eq. 4 or a person decides on a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// Eq. 4.
    No,
    /// A person put it into 𝒯.
    In,
    /// A person kept it out.
    Out,
}

/// The ranking of all tensors, in the statistics' order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ranking {
    /// Indices in ranking order: S descending.
    pub order: Vec<usize>,
    /// Each tensor's rank, from 1 (the largest S).
    pub ranks: Vec<usize>,
    /// Whether each tensor is in 𝒯.
    pub selected: Vec<bool>,
    /// Who decided.
    pub forced: Vec<Force>,
    /// Whether R_Lang is zero in each tensor, which makes S zero.
    pub languageless: Vec<bool>,
    /// How many Eq. 4 selects: the last so many of the ranking.
    pub cut: usize,
    /// How many are in 𝒯.
    pub count: usize,
}

impl Ranking {
    /// Ranks and selects. `k2` is a fraction.
    pub fn new(scores: &[TensorScore], k2: f64, patterns: &Select) -> Self {
        let pairs: Vec<(&str, f64)> =
            scores.iter().map(|score| (score.name.as_str(), score.similarity)).collect();
        let selection: Selection = select(&pairs, k2, patterns);
        let forced = pairs.iter().map(|(name, _)| match patterns.forced(name) {
            None => Force::No,
            Some(true) => Force::In,
            Some(false) => Force::Out,
        });
        Self {
            ranks: selection.places().into_iter().map(|place| place + 1).collect(),
            forced: forced.collect(),
            languageless: scores.iter().map(|score| score.language_norm == 0.0).collect(),
            cut: count_half_up(k2, pairs.len()),
            count: selection.selected.iter().filter(|&&selected| selected).count(),
            selected: selection.selected,
            order: selection.rank,
        }
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether Eq. 4 alone selects a tensor.
    pub fn by_rank(&self, tensor: usize) -> bool {
        self.ranks[tensor] > self.len() - self.cut
    }

    /// The sentence that explains a tensor's place.
    pub fn explain(&self, tensor: usize) -> String {
        let place = format!("{} of {} by similarity", crate::format::ordinal(self.ranks[tensor]), self.len());
        let last = match self.cut {
            0 => "k₂ selects none".to_owned(),
            cut if cut == self.len() => "k₂ selects all".to_owned(),
            cut if self.by_rank(tensor) => format!("among the last {cut}"),
            cut => format!("not among the last {cut}"),
        };
        let result = match (self.forced[tensor], self.selected[tensor]) {
            (Force::In, _) => "put in by hand",
            (Force::Out, _) => "kept out by hand",
            (Force::No, true) => "selected",
            (Force::No, false) => "left out",
        };
        let tie = if self.languageless[tensor] {
            " The languages add nothing to it, so S is 0; ties go by name."
        } else {
            ""
        };
        format!("{place}, {last}: {result}.{tie}")
    }
}

/// What a click on a tensor makes of the overrides: the opposite of what it is, or Eq. 4's choice again if a person
/// had decided. Patterns with wildcards are first written out as the names they stand for.
pub fn toggle(patterns: &Select, names: &[&str], tensor: usize, selected: bool) -> Select {
    let written_out = |list: &[String]| -> Vec<String> {
        let matches = |name: &&&str| list.iter().any(|pattern| maec_recipe::glob::matches(pattern, name));
        names.iter().filter(matches).map(|name| (*name).to_owned()).collect()
    };
    let name = names[tensor];
    let mut next =
        Select { include: written_out(&patterns.include), exclude: written_out(&patterns.exclude) };
    let decided = patterns.forced(name).is_some();
    next.include.retain(|other| other != name);
    next.exclude.retain(|other| other != name);
    if !decided {
        let list = if selected { &mut next.exclude } else { &mut next.include };
        list.push(name.to_owned());
        *list = sorted(list);
    }
    next
}

/// The recipe before a pack is open.
pub fn no_recipe() -> Recipe {
    let nothing = || ModelRef { model: String::new() };
    Recipe {
        version: Recipe::VERSION,
        merge_method: MergeMethod::Maec,
        base_model: String::new(),
        ability: nothing(),
        reference: nothing(),
        languages: Vec::new(),
        parameters: Parameters::default(),
        select: Select::default(),
        out_dtype: None,
    }
}
