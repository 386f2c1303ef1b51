//! A look inside models: statistics of every tensor, and how models differ.

use std::sync::Arc;

use maec_checkpoint::Weights;
use maec_merge::engine::Pool;
use maec_merge::inspect::{Grid, Inspecting, Inspection, Metric, Named, Stats, TensorReport, Values};
use maec_protocol::{HeatMap, Magnitudes, Reply, TensorLook};

use super::super::load::fetch;
use super::super::remote::reading;
use super::super::thing::{Looked, Thing};
use super::STEP_TILES;
use super::counted::Count;
use crate::job::Job;
use crate::{Failure, Host};

/// Looks inside models, and at their differences from the base.
pub(crate) async fn inspect<H: Host>(
    job: &Job<'_, H>,
    base: Option<&Looked>,
    items: &[&Looked],
) -> Result<Reply, Failure> {
    let count = Count::default();
    let of_base = base.map(|item| whole(item, &count)).transpose()?;
    let mut models = Vec::new();
    let mut files = Vec::new();
    for &item in base.iter().chain(items) {
        match files.iter().find(|(known, _): &&(&Looked, _)| known.id == item.id) {
            Some(_) => (),
            None => files.push((item, item.weight_files())),
        }
    }
    fetch(job, &files).await?;
    for &item in items {
        models.extend(named(item, of_base.as_ref(), &count).await?);
    }
    if models.is_empty() {
        return Err(Failure::refused("There is no model to look into.", "Choose one."));
    }
    let mut look = Inspecting::new(&models, of_base.as_ref())?;
    let all = models.iter().chain(&of_base).flat_map(|(_, weights)| weights.tensors());
    let total = all.map(|info| info.bytes() as u64).sum();
    let pool = Pool::new(1)?;
    while look.step(&pool, STEP_TILES)?.is_some() {
        job.progress(|| "Looking into tensors".into(), count.bytes().min(total), total);
        job.host().read_ahead().await;
        job.checkpoint().await?;
    }
    let found = look.finish();
    Ok(Reply::Inspected {
        maps: maps(&found),
        tensors: found.tensors.iter().map(|it| tensor(it, &found)).collect(),
    })
}

/// An item's model.
fn whole(item: &Looked, count: &Count) -> Result<Named, Failure> {
    let title = &item.place.title;
    let model = item.base().ok_or_else(|| {
        Failure::refused(format!("`{title}` is no model."), "Choose a model to take differences from.")
    })?;
    Ok((title.clone(), count.of(model.folder.clone())))
}

/// The models that an item stands for: itself; a delta on the base; a pack's deltas on the pack's own base.
async fn named(item: &Looked, base: Option<&Named>, count: &Count) -> Result<Vec<Named>, Failure> {
    let title = &item.place.title;
    let onto: Arc<dyn Weights> = match (&item.thing, base) {
        (Thing::Model(_), _) => return Ok(vec![whole(item, count)?]),
        (Thing::Pack(pack), _) => pack.base.folder.clone(),
        (Thing::Delta(_), Some((_, base))) => base.clone(),
        (Thing::Delta(_), None) => {
            let message = format!("`{title}` is a sparse delta, which is nothing without its base.");
            return Err(Failure::refused(message, "Choose the base that it was made from."));
        }
        (Thing::Adapter(_) | Thing::Recipe(_) | Thing::Config { .. }, _) => {
            return Err(Failure::refused(
                format!("`{title}` is no model."),
                "Choose models, deltas or packs.",
            ));
        }
    };
    let mut found = Vec::new();
    for delta in item.deltas() {
        let weights = reading(item.place.remote.as_ref(), || delta.apply(onto.clone())).await?;
        found.push((delta.card.name.clone(), count.of(weights)));
    }
    Ok(found)
}

/// Every metric of every model that has one.
fn maps(found: &Inspection) -> Vec<HeatMap> {
    let mut maps = Vec::new();
    for metric in Metric::ALL {
        for (place, model) in found.models.iter().enumerate() {
            let Grid { layers, kinds, cells, outside } = Grid::new(found, metric, place);
            if cells.iter().flatten().all(Option::is_none) && outside.is_empty() {
                continue;
            }
            maps.push(HeatMap {
                title: metric.title().into(),
                about: about(metric).into(),
                model: model.clone(),
                layers: layers.into_iter().map(|layer| layer as u32).collect(),
                kinds,
                cells,
                outside,
            });
        }
    }
    maps
}

/// What a metric is, in words.
fn about(metric: Metric) -> &'static str {
    match metric {
        Metric::L1 => "The sum of all values without their signs.",
        Metric::L2 => "The Euclidean norm: the root of the sum of all squares.",
        Metric::Max => "The largest value without its sign.",
        Metric::Mean => "The mean of all values.",
        Metric::Std => "The standard deviation of the values.",
        Metric::Sparsity => "The share of values that are exactly zero.",
        Metric::Nonfinite => "How many values are NaN or infinite.",
        Metric::Delta => "The Euclidean norm of the difference from the base.",
        Metric::Relative => "How large the difference from the base is beside the base.",
        Metric::Changed => "The share of values that are not the base's.",
        Metric::Conflict => {
            "Of the values that two or more models changed, the share that some raised and others lowered."
        }
        Metric::Cosine => {
            "How much a model's difference points where the others' do: the mean cosine with each of them."
        }
    }
}

fn tensor(report: &TensorReport, found: &Inspection) -> TensorLook {
    let stats = &report.stats;
    let deltas = stats.comparison.as_ref().map(|it| &it.deltas).filter(|deltas| !deltas.is_empty());
    let histograms = match deltas {
        Some(deltas) => deltas.iter().map(magnitudes).collect(),
        None => stats.models.iter().map(|it| it.as_ref().map(magnitudes).unwrap_or_default()).collect(),
    };
    TensorLook {
        name: report.name.clone(),
        shape: report.shape.iter().map(|&dimension| dimension as u64).collect(),
        dtype: report.dtype.to_string(),
        table: table(stats, found),
        histograms,
        cosine: stats.comparison.as_ref().map(|it| it.cosine.clone()).unwrap_or_default(),
    }
}

fn magnitudes(values: &Values) -> Magnitudes {
    let histogram = values.histogram.clone();
    Magnitudes { first: histogram.first, negative: histogram.negative, positive: histogram.positive }
}

/// A row for each metric that has a value, a column for the base and for each model.
fn table(stats: &Stats, found: &Inspection) -> Vec<Vec<String>> {
    let base = found.base.iter().cloned();
    let mut rows =
        vec![[String::new()].into_iter().chain(base).chain(found.models.iter().cloned()).collect()];
    // The base as if it were a model.
    let of_base = Stats { base: None, models: vec![stats.base.clone()], comparison: None };
    for metric in Metric::ALL {
        let base = found.base.iter().map(|_| metric.of(&of_base, 0));
        let values: Vec<Option<f64>> =
            base.chain((0..found.models.len()).map(|place| metric.of(stats, place))).collect();
        if values.iter().any(Option::is_some) {
            let cells = values.into_iter().map(|value| value.map_or("–".into(), number));
            rows.push([metric.title().to_owned()].into_iter().chain(cells).collect());
        }
    }
    rows
}

/// Four digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if (1e-3..1e5).contains(&size) => {
            let digits = if size >= 1000.0 {
                0
            } else if size >= 100.0 {
                1
            } else if size >= 10.0 {
                2
            } else {
                4
            };
            format!("{value:.digits$}")
        }
        _ => format!("{value:.3e}"),
    }
}
