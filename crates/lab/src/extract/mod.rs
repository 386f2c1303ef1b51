//! Extraction: an ability and languages out of trained models, into a folder that a merge reads.

mod overlap;
mod vectors;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use maec_checkpoint::Weights;
use maec_train::KeyNeurons;

use crate::error::LabError;
use crate::extraction::Extraction;
use crate::lab::{Lab, Trained};
use crate::run::Ranking;
use crate::store::Provenance;
pub use overlap::{Counts, Overlap, kind};
pub use vectors::Shifted;
pub use write::{BaseModel, is_extraction};

/// Key neurons and where they come from.
pub type Found = (Arc<KeyNeurons>, Arc<Provenance>);

/// Everything that an extraction trained, or found in the store.
pub struct Extracted<'a> {
    /// What was asked for.
    pub extraction: &'a Extraction,
    /// Θo.
    pub base: Arc<dyn Weights>,
    /// Key neurons by the names of their files.
    pub neurons: BTreeMap<String, Found>,
    /// The same by the other form of Eq. 1, where asked for.
    pub other_neurons: BTreeMap<String, Found>,
    /// Θ_{A,L0}.
    pub ability: Trained,
    /// Θ_{L0}.
    pub reference: Trained,
    /// Θ_{Li}, in Eq. 3's order.
    pub languages: Vec<Trained>,
}

impl Extraction {
    /// Trains what the store does not have; `exact` also ranks neurons by the other form of Eq. 1.
    ///
    /// # Errors
    /// As [`Lab::train`].
    pub fn train<'a>(&'a self, lab: &Lab<'_>, exact: bool) -> Result<Extracted<'a>, LabError> {
        let find = |rankings: Vec<(String, Ranking)>| -> Result<BTreeMap<String, Found>, LabError> {
            rankings.into_iter().map(|(name, ranking)| Ok((name, lab.rank(&ranking)?))).collect()
        };
        let base = lab.base()?;
        Ok(Extracted {
            extraction: self,
            base,
            neurons: find(self.rankings())?,
            other_neurons: if exact { find(self.other_rankings())? } else { BTreeMap::new() },
            ability: lab.train(&self.ability_run)?,
            reference: lab.train(&self.reference_run)?,
            languages: self
                .languages
                .iter()
                .map(|target| lab.train(&target.run))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Extracted<'_> {
    /// 𝒩_A against every language's; where both forms of Eq. 1 are there, each set against its other form too.
    pub fn overlaps(&self) -> Vec<Overlap> {
        let tensors = self.base.tensors();
        let of =
            |name: &str, found: &Found| -> (String, Arc<KeyNeurons>) { (name.to_owned(), found.0.clone()) };
        let mut pairs = Vec::new();
        let other = format!(", {}", self.extraction.other_form());
        for (set, ending) in [(&self.neurons, ""), (&self.other_neurons, other.as_str())] {
            let Some(ability) = set.get("a") else { continue };
            for (name, found) in set.iter().filter(|(name, _)| *name != "a") {
                pairs.push((
                    of(&format!("{}{ending}", self.extraction.ability), ability),
                    of(&format!("{name}{ending}"), found),
                ));
            }
        }
        for (name, found) in &self.neurons {
            let Some(found_other) = self.other_neurons.get(name) else { continue };
            let ending = &other;
            let shown = if name == "a" { &self.extraction.ability } else { name };
            pairs.push((of(shown, found), of(&format!("{shown}{ending}"), found_other)));
        }
        pairs.iter().map(|((a, first), (b, second))| Overlap::of(tensors, (a, first), (b, second))).collect()
    }
}
