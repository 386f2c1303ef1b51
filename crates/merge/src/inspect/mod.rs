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

use crate::engine::{Pool, ProgressFn, TILES_PER_THREAD, tiles};
use crate::progress::Meter;
use crate::{MergeError, Stage};
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
    for (name, weights) in models.iter().chain(base) {
        if weights.tensors().is_empty() {
            return Err(MergeError::NoTensors { model: name.clone() });
        }
    }
    let units = units::units(models, base)?;
    let infos: Vec<TensorInfo> = units.iter().map(Unit::info).collect();
    let mut report = report::Building::new(models.len());
    let mut meter = Meter::new(Stage::Statistics, &infos, progress);
    let mut work = units
        .iter()
        .zip(&infos)
        .flat_map(|(unit, info)| tiles(info.elements(), 1).map(move |elements| (unit, info, elements)));
    let empty = units.iter().zip(&infos).filter(|(_, info)| info.elements() == 0);
    for (unit, info) in empty {
        report.add(info, &Sums::new(unit, models.len()));
    }
    loop {
        let wave: Vec<_> = work.by_ref().take(pool.threads() * TILES_PER_THREAD).collect();
        if wave.is_empty() {
            break;
        }
        let sums = pool.map(wave, |scratch, (unit, info, elements)| {
            let n = elements.len();
            Ok((info, n, unit.look(elements, models.len(), scratch)?))
        })?;
        for (info, elements, sums) in sums {
            report.add(info, &sums);
            meter.advance(&info.name, elements)?;
        }
    }
    let names = models.iter().map(|(name, _)| name.clone()).collect();
    Ok(report.finish(names, base.map(|(name, _)| name.clone())))
}
