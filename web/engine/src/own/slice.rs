//! Models of which only one tensor, or a part of one, is seen: what is computed of them is computed of that alone.

use std::ops::Range;
use std::sync::Arc;

use maec_checkpoint::{Error, TensorInfo, Weights};
use maec_merge::Inputs;

use super::merging::Models;

/// All models reduced to one tensor, or to some elements of it.
pub(crate) struct Slices {
    base: Slice,
    ability: Slice,
    reference: Slice,
    languages: Vec<Slice>,
}

impl Slices {
    /// Fails where a model has no such tensor.
    pub fn of(models: &Models, tensor: &str, elements: Option<Range<usize>>) -> Result<Self, Error> {
        let slice = |of: &Arc<dyn Weights>| Slice::new(of, tensor, elements.clone());
        Ok(Self {
            base: slice(&models.base)?,
            ability: slice(&models.ability)?,
            reference: slice(&models.reference)?,
            languages: models.languages.iter().map(slice).collect::<Result<_, _>>()?,
        })
    }

    /// The models that they stand for.
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs {
            base: &self.base,
            ability: &self.ability,
            reference: &self.reference,
            languages: self.languages.iter().map(|slice| slice as &dyn Weights).collect(),
        }
    }
}

/// A model reduced to one tensor, or to some elements of it, which it holds flat.
pub(crate) struct Slice {
    of: Arc<dyn Weights>,
    start: usize,
    tensors: [TensorInfo; 1],
}

impl Slice {
    /// Fails where the model has no such tensor or elements.
    pub fn new(of: &Arc<dyn Weights>, tensor: &str, elements: Option<Range<usize>>) -> Result<Self, Error> {
        let info = of.info(tensor)?.clone();
        let (start, info) = match elements {
            None => (0, info),
            Some(elements) => (elements.start, TensorInfo { shape: vec![elements.len()], ..info }),
        };
        Ok(Self { of: of.clone(), start, tensors: [info] })
    }
}

impl Weights for Slice {
    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn name(&self) -> &str {
        self.of.name()
    }

    fn read_stored(&self, name: &str, elements: Range<usize>, out: &mut [u8]) -> Result<(), Error> {
        self.of.read_stored(name, self.start + elements.start..self.start + elements.end, out)
    }
}
