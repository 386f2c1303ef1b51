//! What a merge method is: how R(A) is made, and how it joins the base. Each method is one file.

use maec_recipe::{MergeMethod, Parameters};

use crate::{maec::Maec, task_vector::TaskVector};

/// A merge method, tile by tile. All slices have one length, `[elements]`.
pub(crate) trait Method: Sync {
    /// Whether Θ_{L0} is read; if not, `reference` is empty in [`ability_vector`](Self::ability_vector).
    fn uses_reference(&self) -> bool;

    /// Whether Eq. 4 chooses tensors; if not, all are selected.
    fn selects(&self) -> bool;

    /// Whether the merged values depend on the ability's models.
    fn reads_ability(&self, selected: bool) -> bool;

    /// What the ability adds to the base.
    fn ability_vector(
        &self,
        base: &[f64],
        ability: &[f64],
        reference: &[f64],
        p: &Parameters,
        out: &mut [f64],
    );

    /// The merged values, before they are rounded to the stored dtype.
    fn merge(&self, terms: Terms<'_>, p: &Parameters, selected: bool, out: &mut [f64]);
}

/// What a method joins: one tile of a tensor, each `[elements]`.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// Θo.
    pub base: &'a [f64],
    /// R(A), from [`Method::ability_vector`].
    pub ability: &'a [f64],
    /// R_Lang, Eq. 3.
    pub language: &'a [f64],
}

/// The method that a recipe names.
pub(crate) fn method(of: MergeMethod) -> &'static dyn Method {
    match of {
        MergeMethod::Maec => &Maec,
        MergeMethod::TaskVector => &TaskVector,
    }
}
