//! Table 8: the ability in some kinds of tensors only.

use super::bench::{Bench, Cost};
use super::measure::Row;
use crate::error::LabError;
use crate::merging::{Parts, merge};

/// The table's kinds, by what their tensors' names hold.
const KINDS: [(&str, &[&str]); 9] = [
    ("Attention All", &[".self_attn."]),
    ("Attention Q", &["q_proj"]),
    ("Attention K", &["k_proj"]),
    ("Attention V", &["v_proj"]),
    ("Attention O", &["o_proj"]),
    ("MLP All", &[".mlp."]),
    ("MLP Up", &["up_proj"]),
    ("MLP Gate", &["gate_proj"]),
    ("MLP Down", &["down_proj"]),
];

impl Bench<'_> {
    /// Each kind's share of 𝒯, and MAEC with the ability in 𝒯's tensors of that kind alone.
    pub(super) fn kinds(&self, masked: &Parts, cost: Cost) -> Result<Vec<(f64, Row)>, LabError> {
        let maec = merge(masked, &self.recipe())?;
        let selected = maec.report.tensors.iter().filter(|tensor| tensor.selected);
        let selected: Vec<&str> = selected.map(|tensor| tensor.stats.name.as_str()).collect();
        let mut rows = vec![(1.0, self.row("All Tensors", &maec.weights, cost)?)];
        for (name, parts) in KINDS {
            let of_kind = |tensor: &&&str| parts.iter().any(|part| tensor.contains(part));
            let include: Vec<String> =
                selected.iter().filter(of_kind).map(|name| (*name).to_owned()).collect();
            let share = include.len() as f64 / selected.len().max(1) as f64;
            rows.push((share, self.merged(name, masked, &self.only(include), cost)?));
        }
        Ok(rows)
    }
}
