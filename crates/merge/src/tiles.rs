//! Reading all models side by side, tile by tile, as f64.

use std::ops::Range;

use maec_checkpoint::{Dtype, Error, Weights, convert, dtype};
use maec_recipe::Recipe;

use crate::{
    Inputs, MergeError,
    maec::add_language,
    method::{Method, Terms, method},
};

/// Elements of a tile. Results do not depend on it.
pub(crate) const TILE: usize = 64 * 1024;

/// Elements that are widened at once: what is computed of them stays in the caches. Results do not depend on it.
const PART: usize = 2048;

/// Working memory: stored bytes of some models' tile, the output's, and the parts.
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
    /// A tile of every model, one after the other.
    stored: Vec<u8>,
    /// A part of it: the base, R(A), R_Lang, and two models; `[5, PART]`.
    values: Vec<f64>,
    /// The merged values, for whoever merges.
    pub merged: Vec<f64>,
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

    /// Reads some elements of a tensor of every model, and hands them on in parts, in order, each with its range. Without
    /// `with_ability` R(A) is left at zero and its models are not read.
    pub fn each(
        &mut self,
        tensor: &str,
        elements: Range<usize>,
        with_ability: bool,
        observe: &mut Observer<'_>,
        mut run: impl FnMut(Range<usize>, Terms<'_>) -> Result<(), MergeError>,
    ) -> Result<(), MergeError> {
        let Inputs { base, ability, reference, languages } = self.inputs;
        let mut models = vec![*base];
        if with_ability {
            models.push(*ability);
            models.extend(self.method.uses_reference().then_some(*reference));
        }
        models.extend(languages.iter().zip(&self.recipe.languages).map(|(model, _)| *model));
        let Buffers { stored, values, .. } = &mut self.buffers;
        let n = elements.len();
        let mut tiles = Vec::with_capacity(models.len());
        let mut end = 0;
        for model in models {
            let dtype = model.info(tensor)?.dtype;
            let size = dtype::bytes_per_element(dtype);
            tiles.push(Stored { model, dtype, size, at: end });
            end += n * size;
        }
        stored.resize(end, 0);
        for (place, Stored { model, dtype, size, at }) in tiles.iter().enumerate() {
            let stored = &mut stored[*at..*at + n * size];
            model.read_stored(tensor, elements.clone(), stored)?;
            if !self.allow_nonfinite
                && let Some(index) = convert::first_non_finite(*dtype, stored)
            {
                let (name, tensor) = (model.name().into(), tensor.into());
                return Err(Error::NonFinite { name, tensor, index: elements.start + index }.into());
            }
            observe(place, stored);
        }
        values.resize(5 * PART, 0.0);
        for start in (0..n).step_by(PART) {
            let len = PART.min(n - start);
            let mut values = values.chunks_exact_mut(PART).map(|values| &mut values[..len]);
            let mut next = || values.next().unwrap_or_default();
            let (base, ability, language, model, other) = (next(), next(), next(), next(), next());
            let mut tiles = tiles.iter();
            let mut widen = |out: &mut [f64]| match tiles.next() {
                Some(Stored { dtype, size, at, .. }) => {
                    convert::widen(*dtype, &stored[at + start * size..at + (start + len) * size], out)
                }
                None => Ok(()),
            };
            widen(base)?;
            if with_ability {
                widen(model)?;
                let uses_reference = self.method.uses_reference();
                if uses_reference {
                    widen(other)?;
                }
                let reference = if uses_reference { &*other } else { &[] };
                self.method.ability_vector(base, model, reference, &self.recipe.parameters, ability);
            } else {
                ability.fill(0.0);
            }
            language.fill(0.0);
            for of in &self.recipe.languages {
                widen(model)?;
                add_language(base, model, of.weight, language);
            }
            let first = elements.start + start;
            run(first..first + len, Terms { base, ability, language })?;
        }
        Ok(())
    }
}

/// A model's tile among the stored ones.
struct Stored<'a> {
    model: &'a dyn Weights,
    dtype: Dtype,
    /// Bytes of an element.
    size: usize,
    /// Where it begins.
    at: usize,
}
