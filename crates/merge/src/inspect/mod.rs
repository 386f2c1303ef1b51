//! A look inside models: what their tensors' values are like, and how models differ, in one streaming pass.
//!
//! [`inspect`] reads every tensor of every model once, tile by tile on all threads, and adds up tiles in their order: results
//! depend on neither the number of threads nor the host. With a base, what is compared are the differences δᵢ = xᵢ − base;
//! without one, the tensors themselves. [`Grid`] lays a [`Metric`] out by layer and kind, for heat maps. [`dialects`] asks
//! what else a configuration would have made under another definition of its method.

mod dialect;
mod grid;
mod metric;
mod report;
mod series;
mod sums;
mod units;

use std::sync::Arc;

use maec_checkpoint::{TensorInfo, Weights};

pub use dialect::{DialectError, DialectReport, DialectTensor, Dialects, Difference, dialects};
pub use grid::{Grid, Kind};
pub use metric::{Metric, UnknownMetric};
pub use report::{Comparison, Histogram, Inspection, LayerReport, Stats, TensorReport, Values};

use crate::engine::{Learned, Pool, ProgressFn, TILE, TILES_PER_THREAD, tiles};
use crate::{MergeError, Progress, Stage};
use sums::Sums;
use units::Unit;

/// A model and what reports call it.
pub type Named = (String, Arc<dyn Weights>);

/// Statistics of models, each on its own and against each other.
///
/// Tensors that are no floats are left out. What only some models have, or what has another shape in one of them, has each model's own
/// statistics and no comparison. F64 is read rounded to f32.
///
/// # Errors
///
/// [`MergeError::NoTensors`] for a model without any; [`MergeError::Checkpoint`] where one cannot be read, and
/// [`MergeError::Cancelled`]. NaN and infinities are no errors here: they are counted.
pub fn inspect(
    models: &[Named],
    base: Option<&Named>,
    pool: &Pool,
    progress: &mut ProgressFn<'_>,
) -> Result<Inspection, MergeError> {
    let mut look = Inspecting::new(models, base)?;
    while let Some(learned) = look.step(pool, TILES_PER_THREAD)? {
        let (tensor, done, total) = (&look.infos[learned.tensor].name, look.done, look.total);
        if progress(Progress { stage: Stage::Statistics, tensor, done, total }).is_break() {
            return Err(MergeError::Cancelled);
        }
    }
    Ok(look.finish())
}

/// [`inspect`] in steps, for hosts that cannot wait.
pub struct Inspecting {
    names: (Vec<String>, Option<String>),
    units: Vec<Unit>,
    infos: Vec<TensorInfo>,
    report: report::Building,
    /// The unit and the element that come next.
    at: (usize, usize),
    done: u64,
    total: u64,
}

impl Inspecting {
    /// Begins, from headers alone.
    ///
    /// # Errors
    ///
    /// [`MergeError::NoTensors`] for a model without any.
    pub fn new(models: &[Named], base: Option<&Named>) -> Result<Self, MergeError> {
        for (name, weights) in models.iter().chain(base) {
            if weights.tensors().is_empty() {
                return Err(MergeError::NoTensors { model: name.clone() });
            }
        }
        let units = units::units(models, base)?;
        let infos: Vec<TensorInfo> = units.iter().map(Unit::info).collect();
        let mut report = report::Building::new(models.len());
        for (unit, info) in units.iter().zip(&infos).filter(|(_, info)| info.elements() == 0) {
            report.add(info, &Sums::new(unit, models.len()));
        }
        let names =
            (models.iter().map(|(name, _)| name.clone()).collect(), base.map(|(name, _)| name.clone()));
        let total = infos.iter().map(|info| info.elements() as u64).sum();
        Ok(Self { names, units, infos, report, at: (0, 0), done: 0, total })
    }

    /// Looks at the next tiles, at most so many for each thread; `None` when everything was looked at.
    ///
    /// # Errors
    ///
    /// Where a model can't be read.
    pub fn step(&mut self, pool: &Pool, most_tiles: usize) -> Result<Option<Learned>, MergeError> {
        let (models, most) = (self.names.0.len(), most_tiles.saturating_mul(pool.threads()).max(1));
        let mut wave = Vec::new();
        while wave.len() < most
            && let Some(info) = self.infos.get(self.at.0)
        {
            let (unit, first) = self.at;
            let left = tiles(info.elements(), 1).skip(first / TILE).take(most - wave.len());
            wave.extend(left.map(|elements| (unit, elements)));
            let end = wave.last().filter(|last| last.0 == unit).map_or(first, |last| last.1.end);
            self.at = if end == info.elements() { (unit + 1, 0) } else { (unit, end) };
        }
        let Some(tensor) = wave.last().map(|last| last.0) else { return Ok(None) };
        let units = &self.units;
        let sums = pool.map(wave, |scratch, (unit, elements)| {
            Ok((unit, elements.len(), units[unit].look(elements, models, scratch)?))
        })?;
        let mut elements = 0;
        for (unit, n, sums) in sums {
            self.report.add(&self.infos[unit], &sums);
            elements += n;
        }
        self.done += elements as u64;
        Ok(Some(Learned { tensor, elements }))
    }

    /// Elements looked at, and all there are; one that several models have counts once.
    pub fn progress(&self) -> (u64, u64) {
        (self.done, self.total)
    }

    /// What was found.
    pub fn finish(self) -> Inspection {
        self.report.finish(self.names.0, self.names.1)
    }
}
