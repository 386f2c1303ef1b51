//! Reading all models side by side, tile by tile, as f64.

use std::ops::Range;

use maec_checkpoint::{Error, Weights, convert, dtype};
use maec_recipe::Recipe;

use crate::{
    Inputs, MergeError,
    maec::add_language,
    method::{Method, Terms, method},
};

/// Elements of a tile. Results do not depend on it.
pub(crate) const TILE: usize = 64 * 1024;

/// Working memory: six f64 tiles, one of stored bytes, and the output's.
pub(crate) const MEMORY_BYTES: u64 = 8 * (TILE * size_of::<f64>()) as u64;

/// The ranges of flat indices that tile a tensor of so many elements, in order.
pub(crate) fn ranges(elements: usize) -> impl Iterator<Item = Range<usize>> {
    ranges_from(0, elements)
}

/// Those from an element on where one begins.
pub(crate) fn ranges_from(first: usize, elements: usize) -> impl Iterator<Item = Range<usize>> {
    (first..elements).step_by(TILE).map(move |start| start..elements.min(start + TILE))
}

/// One tile of one tensor at a time: the base, R(A) and R_Lang.
pub(crate) struct Tiles<'a> {
    inputs: &'a Inputs<'a>,
    recipe: &'a Recipe,
    method: &'static dyn Method,
    allow_nonfinite: bool,
    buffers: Buffers,
}

/// What [`Tiles`] keep from tile to tile, and a thread from tensor to tensor.
#[derive(Default)]
pub(crate) struct Buffers {
    base: Vec<f64>,
    ability: Vec<f64>,
    language: Vec<f64>,
    reader: Reader,
    /// The merged values, for whoever merges.
    pub merged: Vec<f64>,
}

/// Buffers for one model's tile.
#[derive(Default)]
struct Reader {
    stored: Vec<u8>,
    model: Vec<f64>,
    reference: Vec<f64>,
}

/// Is shown every stored tile as it is read: the model's place in [`Inputs::models`], and the bytes.
pub(crate) type Observer<'o> = dyn FnMut(usize, &[u8]) + 'o;

impl<'a> Tiles<'a> {
    pub fn new(inputs: &'a Inputs<'a>, recipe: &'a Recipe, allow_nonfinite: bool) -> Self {
        Self::with(inputs, recipe, allow_nonfinite, Buffers::default())
    }

    /// With buffers that were used before.
    pub fn with(inputs: &'a Inputs<'a>, recipe: &'a Recipe, allow_nonfinite: bool, buffers: Buffers) -> Self {
        Self { inputs, recipe, method: method(recipe.merge_method), allow_nonfinite, buffers }
    }

    /// The buffers, to be used again.
    pub fn into_buffers(self) -> Buffers {
        self.buffers
    }

    /// Reads some elements of a tensor of every model. Without `with_ability` R(A) is left at zero and its models
    /// are not read.
    pub fn load(
        &mut self,
        tensor: &str,
        elements: Range<usize>,
        with_ability: bool,
        observe: &mut Observer<'_>,
    ) -> Result<Terms<'_>, MergeError> {
        let n = elements.len();
        let Buffers { base, ability, language, reader, .. } = &mut self.buffers;
        for tile in [&mut *base, &mut *ability, &mut *language] {
            tile.clear();
            tile.resize(n, 0.0);
        }
        let mut place = 0;
        let mut read = |model: &dyn Weights, stored: &mut Vec<u8>, out: &mut [f64]| {
            read_tile(model, tensor, elements.clone(), self.allow_nonfinite, stored, out)?;
            observe(place, stored);
            place += 1;
            Ok::<(), MergeError>(())
        };
        let Reader { stored, model, reference } = reader;
        model.resize(n, 0.0);
        read(self.inputs.base, stored, base)?;
        if with_ability {
            read(self.inputs.ability, stored, model)?;
            if self.method.uses_reference() {
                reference.resize(n, 0.0);
                read(self.inputs.reference, stored, reference)?;
            }
            let p = &self.recipe.parameters;
            self.method.ability_vector(base, model, reference, p, ability);
        }
        for (of, weights) in self.recipe.languages.iter().zip(&self.inputs.languages) {
            read(*weights, stored, model)?;
            add_language(base, model, of.weight, language);
        }
        Ok(Terms { base, ability, language })
    }
}

/// Reads and widens one tile, keeping its stored bytes; a NaN or infinity is an error unless allowed.
fn read_tile(
    model: &dyn Weights,
    tensor: &str,
    elements: Range<usize>,
    allow_nonfinite: bool,
    stored: &mut Vec<u8>,
    out: &mut [f64],
) -> Result<(), MergeError> {
    let dtype = model.info(tensor)?.dtype;
    stored.resize(elements.len() * dtype::bytes_per_element(dtype), 0);
    model.read_stored(tensor, elements.clone(), stored)?;
    if !allow_nonfinite && let Some(index) = convert::first_non_finite(dtype, stored) {
        let index = elements.start + index;
        return Err(Error::NonFinite { name: model.name().into(), tensor: tensor.into(), index }.into());
    }
    Ok(convert::widen(dtype, stored, out)?)
}
