//! One seed's numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bench::Bench;
use super::brief::Brief;
use super::runs::others;
use super::study::LayerPair;
use super::tuned::Chosen;
use crate::catalog::Catalog;
use crate::error::LabError;
use crate::exam::Examiner;
use crate::extract::Counts;
use crate::lab::Lab;

/// Places of Fig. 4, in tenths.
const RATIOS: [u32; 11] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/// One row: what was trained for it and how it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its name in the tables.
    pub name: String,
    /// Tokens of all trainings that it needs beyond the backbone.
    pub tokens: u64,
    /// Seconds that these took, where they were done.
    pub seconds: f64,
    /// Its scores.
    pub scores: Brief,
    /// Its scores in the other abilities.
    pub elsewhere: BTreeMap<String, Brief>,
}

/// One ability's numbers of one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Table 2's rows and the controls, the backbone first, MAEC last of the paper's.
    pub rows: Vec<Row>,
    /// Fig. 3.
    pub ablations: Vec<Row>,
    /// Fig. 4: k₂ and its row.
    pub ratios: Vec<(f64, Row)>,
    /// Table 8: the share of 𝒯 and its row.
    pub kinds: Vec<(f64, Row)>,
    /// Fig. 5: losses by name.
    pub losses: Vec<(String, Vec<f32>)>,
    /// Fig. 5: layer by layer.
    pub layers: Vec<LayerPair>,
    /// Eq. 1's sets, by what they are.
    pub overlaps: Vec<(String, Counts)>,
    /// Optimizer state of the masked runs over full Adam's, by run.
    pub state: Vec<(String, f64)>,
    /// Rows and pairs that are not there, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// What a reader of the backbone's answers must know besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<String>,
}

/// One seed's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    /// The seed.
    pub seed: u64,
    /// By ability.
    pub abilities: BTreeMap<String, Measured>,
}

/// What one seed's tables are made of.
pub struct Tables<'a> {
    /// The seed, of draws at random too.
    pub seed: u64,
    /// Each ability's runs.
    pub catalogs: &'a [Catalog],
    /// What its merges are made with, by ability.
    pub chosen: &'a BTreeMap<String, Chosen>,
    /// What models are asked.
    pub examiner: &'a dyn Examiner,
}

/// Trains what is missing, merges and examines; `say` hears what is done next.
///
/// # Errors
/// When a training diverges or is broken off, an ability has nothing chosen, or the store can't be used.
pub fn measure(lab: &Lab<'_>, tables: &Tables<'_>, say: &dyn Fn(&str)) -> Result<Numbers, LabError> {
    let mut abilities = BTreeMap::new();
    let backbone = tables.examiner.examine(lab, "backbone", lab.base()?.as_ref())?;
    for (index, catalog) in tables.catalogs.iter().enumerate() {
        let (ability, others) = (&catalog.ability, others(tables.catalogs, index));
        let chosen = tables
            .chosen
            .get(ability)
            .ok_or_else(|| LabError::Settings(format!("tuned choices have none for `{ability}`")))?;
        let bench = Bench { lab, tables, catalog, chosen, others, backbone: &backbone };
        abilities.insert(ability.clone(), bench.all(say)?);
    }
    Ok(Numbers { seed: tables.seed, abilities })
}

impl Bench<'_> {
    fn all(&self, say: &dyn Fn(&str)) -> Result<Measured, LabError> {
        let ability = &self.catalog.ability;
        let (masked, cost) = self.masked()?;
        let rows = self.rows(&masked, cost, say)?;
        say(&format!("{ability}: ablations"));
        let ablations = self.ablations(&masked, cost)?;
        let mut ratios = Vec::new();
        for tenths in RATIOS {
            let k2 = f64::from(tenths) / 10.0;
            say(&format!("{ability}: k₂ = {k2}"));
            let recipe = self.recipe_with(|parameters| parameters.k2 = k2);
            ratios.push((k2, self.merged(&format!("k₂ {k2}"), &masked, &recipe, cost)?));
        }
        say(&format!("{ability}: tensor kinds"));
        let kinds = self.kinds(&masked, cost)?;
        say(&format!("{ability}: the empirical study"));
        Ok(Measured {
            rows,
            ablations,
            ratios,
            kinds,
            losses: self.losses()?,
            layers: self.layers()?,
            overlaps: self.overlaps()?,
            state: self.state()?,
            left_out: self.catalog.left_out(&self.others),
            asked: self.backbone.notes.get(ability).cloned().unwrap_or_default(),
        })
    }
}
