//! One output tensor at work: merged by a method's kernel, or copied.

use std::ops::Range;

use maec_checkpoint::{TensorInfo, convert};

use super::Source;
use super::kept::{Kept, Shelf};
use crate::MergeError;
use crate::methods::{Kernel, Sizes, Tile, Totals};

/// Elements that are widened and merged at once, where a granule allows: what is computed of them stays in the caches. A
/// multiple of every method's own blocks, so that no sum depends on it.
pub(crate) const PART: usize = 4096;

/// A thread's buffers.
#[derive(Default)]
pub struct Scratch {
    /// The stored bytes of a tile in the base and in every model, one after the other.
    stored: Vec<u8>,
    /// A part of them, `[inputs, elements]`.
    values: Vec<f32>,
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
    info: TensorInfo,
    base: Option<Source>,
    models: Vec<Source>,
    kernel: Box<dyn Kernel>,
    allow_nonfinite: bool,
    kept: Kept,
}

/// Reads a tile of a base and of models, and hands it on in parts of at most so many elements (but of at least one).
pub(crate) fn with_tile(
    (base, models): (Option<&Source>, &[Source]),
    elements: Range<usize>,
    part: usize,
    allow_nonfinite: bool,
    scratch: &mut Scratch,
    mut run: impl FnMut(&Tile<'_>, &mut Vec<f32>) -> Result<(), MergeError>,
) -> Result<(), MergeError> {
    let inputs = Inputs { base, models };
    let Scratch { stored, values, merged, .. } = scratch;
    stored.resize(inputs.bytes(elements.len()), 0);
    inputs.read(elements.clone(), stored)?;
    inputs.widen(elements, stored, part, allow_nonfinite, values, |tile| run(tile, merged))
}

/// The tensors that one is merged of.
#[derive(Clone, Copy)]
struct Inputs<'a> {
    base: Option<&'a Source>,
    models: &'a [Source],
}

impl<'a> Inputs<'a> {
    fn all(self) -> impl Iterator<Item = &'a Source> {
        self.base.into_iter().chain(self.models)
    }

    /// Bytes of so many elements of all.
    fn bytes(self, elements: usize) -> usize {
        self.all().map(|input| input.bytes(elements)).sum()
    }

    /// Fills a buffer with some elements of all, one input after the other.
    fn read(self, elements: Range<usize>, stored: &mut [u8]) -> Result<(), MergeError> {
        let mut rest = stored;
        for input in self.all() {
            let own;
            (own, rest) = rest.split_at_mut(input.bytes(elements.len()));
            input.read(elements.clone(), own)?;
        }
        Ok(())
    }

    /// Hands on what [`read`](Self::read) has read, in parts.
    fn widen(
        self,
        elements: Range<usize>,
        stored: &[u8],
        part: usize,
        allow_nonfinite: bool,
        values: &mut Vec<f32>,
        mut run: impl FnMut(&Tile<'_>) -> Result<(), MergeError>,
    ) -> Result<(), MergeError> {
        let n = elements.len();
        let part = part.clamp(1, n.max(1));
        for start in (0..n).step_by(part) {
            let (first, len) = (elements.start + start, part.min(n - start));
            values.resize(self.all().count() * len, 0.0);
            let mut at = 0;
            for (input, values) in self.all().zip(values.chunks_exact_mut(len)) {
                let stored = &stored[at + input.bytes(start)..at + input.bytes(start + len)];
                input.widen(first, stored, allow_nonfinite, values)?;
                at += input.bytes(n);
            }
            let mut values = values.chunks_exact(len);
            let base = self.base.and_then(|_| values.next());
            run(&Tile { start: first, base, models: &values.collect::<Vec<_>>() })?;
        }
        Ok(())
    }
}

impl Merged {
    /// The method for a tensor, on sources of the base, where it has one, and of the models in the recipe's order.
    pub fn new(
        info: TensorInfo,
        (base, models): (Option<Source>, Vec<Source>),
        kernel: Box<dyn Kernel>,
        allow_nonfinite: bool,
        shelf: &Shelf,
    ) -> Self {
        Self { info, base, models, kernel, allow_nonfinite, kept: Kept::new(shelf.clone()) }
    }

    /// Hands a tile on in parts; `keep` says that it is asked for again.
    fn with_parts(
        &self,
        elements: Range<usize>,
        keep: bool,
        scratch: &mut Scratch,
        mut run: impl FnMut(&Tile<'_>, &mut Vec<f32>) -> Result<(), MergeError>,
    ) -> Result<(), MergeError> {
        let inputs = Inputs { base: self.base.as_ref(), models: &self.models };
        let part = PART.next_multiple_of(self.granule().max(1));
        let Scratch { stored, values, merged, .. } = scratch;
        self.kept.with(
            (elements.start, inputs.bytes(elements.len())),
            keep,
            stored,
            |stored| inputs.read(elements.clone(), stored),
            |stored| {
                inputs.widen(elements.clone(), stored, part, self.allow_nonfinite, values, |tile| {
                    run(tile, merged)
                })
            },
        )
    }
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
        // A sample's ranges are no tiles that will be asked for again.
        let keep = self.next().is_some_and(|sizes| sizes.sample == 0);
        self.with_parts(elements, keep, scratch, |tile, _| {
            self.kernel.look(tile, totals);
            Ok(())
        })
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
        self.with_parts(elements, false, scratch, |tile, merged| {
            merged.resize(tile.len(), 0.0);
            self.kernel.merge(tile, merged);
            let begin = out.len();
            convert::encode_f32(self.info.dtype, merged, out)?;
            // Finite inputs may still leave the arithmetic's range, or the output's.
            match convert::first_non_finite(self.info.dtype, &out[begin..]) {
                Some(index) if !self.allow_nonfinite => Err(MergeError::Overflow {
                    tensor: self.info.name.clone(),
                    index: tile.start + index,
                    dtype: self.info.dtype,
                }),
                _ => Ok(()),
            }
        })
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
            out.resize(start + self.from.bytes(elements.len()), 0);
            return self.from.read(elements, &mut out[start..]);
        }
        let inputs = (None, std::slice::from_ref(&self.from));
        with_tile(inputs, elements, PART, self.allow_nonfinite, scratch, |tile, _| {
            Ok(tile.models.iter().try_for_each(|values| convert::encode_f32(self.info.dtype, values, out))?)
        })
    }
}
