//! One output tensor at work: merged by a method's kernel, or copied.

use std::ops::Range;

use maec_checkpoint::{TensorInfo, convert};

use super::Source;
use super::source::first_non_finite;
use crate::MergeError;
use crate::methods::{Kernel, Sizes, Tile, Totals};

/// A thread's buffers.
#[derive(Default)]
pub struct Scratch {
    stored: Vec<u8>,
    base: Vec<f32>,
    models: Vec<Vec<f32>>,
    merged: Vec<f32>,
    /// Those of MAEC's own arithmetic.
    pub(crate) maec: crate::tiles::Buffers,
}

/// One output tensor: rounds of statistics, then its stored bytes, tile by tile.
pub trait TensorMerge: Send + Sync {
    /// Elements that must stand in one tile together.
    fn granule(&self) -> usize {
        1
    }

    /// What the next round of statistics gathers; `None` when values can be merged.
    fn next(&self) -> Option<Sizes> {
        None
    }

    /// Adds a tile to the round's totals.
    fn look(
        &self,
        _elements: Range<usize>,
        _scratch: &mut Scratch,
        _totals: &mut Totals,
    ) -> Result<(), MergeError> {
        Ok(())
    }

    /// Takes a round's totals.
    fn learn(&mut self, _totals: &Totals) {}

    /// Appends a tile's stored bytes.
    fn merge(
        &self,
        elements: Range<usize>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), MergeError>;
}

/// A tensor merged by a method.
pub struct Merged {
    /// The output's name, dtype and shape.
    pub info: TensorInfo,
    /// The base's tensor, where the method has one.
    pub base: Option<Source>,
    /// The models' tensors in the recipe's order.
    pub models: Vec<Source>,
    /// The method for this tensor.
    pub kernel: Box<dyn Kernel>,
    /// Go on where a value is NaN or infinite.
    pub allow_nonfinite: bool,
}

/// Reads the tiles of a base and of models, and hands them on.
pub(crate) fn with_tile<R>(
    base: Option<&Source>,
    models: &[Source],
    elements: Range<usize>,
    allow_nonfinite: bool,
    scratch: &mut Scratch,
    run: impl FnOnce(&Tile<'_>, &mut Vec<f32>) -> R,
) -> Result<R, MergeError> {
    let Scratch { stored, base: base_values, models: buffers, merged, .. } = scratch;
    if let Some(base) = base {
        base.read(elements.clone(), allow_nonfinite, stored, base_values)?;
    }
    buffers.resize_with(models.len().max(buffers.len()), Vec::new);
    for (model, buffer) in models.iter().zip(buffers.iter_mut()) {
        model.read(elements.clone(), allow_nonfinite, stored, buffer)?;
    }
    let slices: Vec<&[f32]> = buffers[..models.len()].iter().map(Vec::as_slice).collect();
    let base = base.map(|_| base_values.as_slice());
    Ok(run(&Tile { start: elements.start, base, models: &slices }, merged))
}

impl TensorMerge for Merged {
    fn granule(&self) -> usize {
        self.kernel.granule()
    }

    fn next(&self) -> Option<Sizes> {
        self.kernel.next()
    }

    fn look(
        &self,
        elements: Range<usize>,
        scratch: &mut Scratch,
        totals: &mut Totals,
    ) -> Result<(), MergeError> {
        let look = |tile: &Tile<'_>, _: &mut Vec<f32>| self.kernel.look(tile, totals);
        with_tile(self.base.as_ref(), &self.models, elements, self.allow_nonfinite, scratch, look)
    }

    fn learn(&mut self, totals: &Totals) {
        self.kernel.learn(totals);
    }

    fn merge(
        &self,
        elements: Range<usize>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), MergeError> {
        let (start, n) = (elements.start, elements.len());
        let merge = |tile: &Tile<'_>, merged: &mut Vec<f32>| {
            merged.resize(n, 0.0);
            self.kernel.merge(tile, merged);
        };
        with_tile(self.base.as_ref(), &self.models, elements, self.allow_nonfinite, scratch, merge)?;
        let begin = out.len();
        convert::encode_f32(self.info.dtype, &scratch.merged, out)?;
        if self.allow_nonfinite {
            return Ok(());
        }
        // Finite inputs may still leave the arithmetic's range, or the output's.
        let index = first_non_finite(&scratch.merged)
            .or_else(|| convert::first_non_finite(self.info.dtype, &out[begin..]));
        match index {
            Some(index) => Err(MergeError::Overflow {
                tensor: self.info.name.clone(),
                index: start + index,
                dtype: self.info.dtype,
            }),
            None => Ok(()),
        }
    }
}

/// A tensor copied: its bytes as they are, or its values in another dtype.
pub struct Copied {
    /// The output's name, dtype and shape.
    pub info: TensorInfo,
    /// What is copied.
    pub from: Source,
    /// Go on where a value is NaN or infinite.
    pub allow_nonfinite: bool,
}

impl TensorMerge for Copied {
    fn merge(
        &self,
        elements: Range<usize>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<(), MergeError> {
        if self.info.dtype == self.from.info().dtype {
            let start = out.len();
            out.resize(
                start + elements.len() * maec_checkpoint::dtype::bytes_per_element(self.info.dtype),
                0,
            );
            self.from.stored(elements, &mut scratch.stored)?;
            out[start..].copy_from_slice(&scratch.stored);
            return Ok(());
        }
        self.from.read(elements, self.allow_nonfinite, &mut scratch.stored, &mut scratch.merged)?;
        Ok(convert::encode_f32(self.info.dtype, &scratch.merged, out)?)
    }
}
