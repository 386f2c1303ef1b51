//! What the page must show, computed natively from the same pack.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use maec_checkpoint::{DeltaWeights, MemoryWeights, Pack};
use maec_merge::{Inputs, MergeError, Options};
use maec_recipe::{Experiment, Recipe, link};

use crate::page::Page;

/// A pack, opened without a browser.
pub struct Truth {
    pub pack: Pack,
    /// The pack's default recipe.
    pub recipe: Recipe,
}

impl Truth {
    /// The shipped pack.
    pub fn open() -> Result<Self> {
        Self::of(&xtask::paths::root().join("packs/demo"))
    }

    /// The pack in `folder`.
    pub fn of(folder: &Path) -> Result<Self> {
        let pack = Pack::open(folder)?;
        let recipe = Recipe::from_json(pack.text(&pack.manifest().recipe)?)?;
        Ok(Self { pack, recipe })
    }

    /// Fails where the page has opened another pack, such as an older one that `dist/` still holds.
    pub async fn is_served_by(&self, page: &Page<'_>) -> Result<()> {
        let served = page.text("pack-id").await?;
        let id = self.pack.id();
        ensure!(served == id, "the page shows the pack {served}, not {id}: run `cargo xtask build-web`");
        Ok(())
    }

    /// The merged model's hash, 64 hex digits.
    pub fn hash(&self, recipe: &Recipe) -> Result<String> {
        let go_on = &mut |_: maec_merge::Progress<'_>| ControlFlow::Continue(());
        let merged = self.with_inputs(recipe, |inputs| {
            maec_merge::merge_to_memory(inputs, recipe, &Options::default(), go_on)
        })?;
        Ok(merged.1.output_hash)
    }

    /// The merged model.
    pub fn merge(&self, recipe: &Recipe) -> Result<MemoryWeights> {
        let go_on = &mut |_: maec_merge::Progress<'_>| ControlFlow::Continue(());
        self.with_inputs(recipe, |inputs| {
            maec_merge::merge_to_memory(inputs, recipe, &Options::default(), go_on)
        })
        .map(|(weights, _)| weights)
    }

    /// Names of 𝒯.
    pub fn selected(&self, recipe: &Recipe) -> Result<BTreeSet<String>> {
        let go_on = &mut |_: maec_merge::Progress<'_>| ControlFlow::Continue(());
        let stats = self.with_inputs(recipe, |inputs| maec_merge::tensor_stats(inputs, recipe, go_on))?;
        let selection = maec_merge::select_tensors(&stats, recipe);
        Ok(selection.indices().map(|index| stats[index].name.clone()).collect())
    }

    /// The experiment that the page opens with.
    pub fn preset(&self) -> Experiment {
        Experiment::preset(self.pack.id(), self.recipe.clone())
    }

    /// The link of the preset after a change, with its `#`.
    pub fn link(&self, change: impl FnOnce(&mut Experiment)) -> String {
        let mut experiment = self.preset();
        change(&mut experiment);
        format!("#{}", link::encode(&experiment, &self.preset()))
    }

    fn with_inputs<T>(
        &self,
        recipe: &Recipe,
        act: impl FnOnce(&Inputs<'_>) -> Result<T, MergeError>,
    ) -> Result<T> {
        let base = self.pack.base();
        let (ability, reference) =
            (self.pack.weights(&recipe.ability.model)?, self.pack.weights(&recipe.reference.model)?);
        let languages: Vec<DeltaWeights> = recipe
            .languages
            .iter()
            .map(|language| self.pack.weights(&language.model))
            .collect::<Result<_, _>>()?;
        let inputs = Inputs {
            base: base.as_ref(),
            ability: &ability,
            reference: &reference,
            languages: languages.iter().map(|language| language as _).collect(),
        };
        act(&inputs).context("the native merge")
    }
}
