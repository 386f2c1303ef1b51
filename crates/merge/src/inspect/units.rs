//! What is looked at together: a tensor in all models that can be compared, or in one model alone.

use std::collections::BTreeSet;
use std::ops::Range;

use maec_checkpoint::{TensorInfo, dtype};

use super::Named;
use super::sums::Sums;
use crate::MergeError;
use crate::engine::{Scratch, Source, with_tile};

/// A tensor of one name and shape.
pub(super) struct Unit {
    /// In the base, where it is looked at there.
    pub base: Option<Source>,
    /// In models, each with the model's place.
    pub models: Vec<(usize, Source)>,
    /// Whether all models (and the base, where there is one) are here, so that they can be compared.
    pub whole: bool,
    sources: Vec<Source>,
}

impl Unit {
    fn new(base: Option<Source>, models: Vec<(usize, Source)>, whole: bool) -> Self {
        let sources = models.iter().map(|(_, source)| source.clone()).collect();
        Self { base, models, whole, sources }
    }

    /// The tensor's description in the first model that has it.
    pub fn info(&self) -> TensorInfo {
        let first = self.models.first().map(|(_, source)| source).or(self.base.as_ref());
        first.map_or_else(
            || TensorInfo { name: String::new(), dtype: maec_checkpoint::Dtype::F32, shape: vec![0] },
            |source| source.info().clone(),
        )
    }

    /// Adds up a tile.
    pub fn look(
        &self,
        elements: Range<usize>,
        models: usize,
        scratch: &mut Scratch,
    ) -> Result<Sums, MergeError> {
        let mut sums = Sums::new(self, models);
        let inputs = (self.base.as_ref(), self.sources.as_slice());
        with_tile(inputs, elements, usize::MAX, true, scratch, |tile, _| {
            sums.look(tile);
            Ok(())
        })?;
        Ok(sums)
    }
}

/// Every float tensor of every model, sorted by name.
pub(super) fn units(models: &[Named], base: Option<&Named>) -> Result<Vec<Unit>, MergeError> {
    let all = || models.iter().chain(base);
    let names: BTreeSet<&str> =
        all().flat_map(|(_, weights)| weights.tensors().iter().map(|info| info.name.as_str())).collect();
    let mut units = Vec::new();
    for name in names {
        let find = |(_, weights): &Named| -> Result<Option<Source>, MergeError> {
            let found = weights.info(name).ok().filter(|info| dtype::is_float(info.dtype));
            found.map(|_| Source::new(weights.clone(), name)).transpose()
        };
        let in_base = base.map(find).transpose()?.flatten();
        let mut in_models = Vec::new();
        for (place, model) in models.iter().enumerate() {
            in_models.extend(find(model)?.map(|source| (place, source)));
        }
        let complete = in_models.len() == models.len() && in_base.is_some() == base.is_some();
        let mut sources = in_models.iter().map(|(_, source)| source).chain(&in_base);
        let first = sources.next().map(|source| source.info().shape.clone());
        if complete && sources.all(|source| Some(&source.info().shape) == first.as_ref()) {
            units.push(Unit::new(in_base, in_models, true));
            continue;
        }
        units.extend(in_models.into_iter().map(|model| Unit::new(None, vec![model], false)));
        units.extend(in_base.map(|source| Unit::new(Some(source), Vec::new(), false)));
    }
    Ok(units)
}
