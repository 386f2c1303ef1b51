//! `maec delta`: what training changed, as positions and values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use maec_checkpoint::{
    ByteSink, DeltaPositions, Dtype, FileSink, FileSource, SparseDelta, Weights, model_hash, write_delta,
};
use maec_train::KeyNeurons;
use serde::Serialize;

use crate::args::FloatArg;
use crate::models::{Models, check_finite};
use crate::{output, progress, table, training};

/// Elements compared at a time.
const TILE: usize = 64 * 1024;

/// Arguments of `maec delta`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  maec delta --base base --trained a-l0 --dtype bfloat16 --out a-l0.safetensors"
)]
pub struct Args {
    /// The model that training began with: a folder, or a pack's entry such as PACK#base.
    #[arg(long, value_name = "DIR")]
    base: PathBuf,
    /// The trained model.
    #[arg(long, value_name = "DIR")]
    trained: PathBuf,
    /// Keep these key neurons, changed or not, and make sure that nothing else changed; several: their union.
    #[arg(long, value_name = "MASK")]
    neurons: Vec<PathBuf>,
    /// Round the values to this dtype, the base's or wider; the trained model's by default.
    #[arg(long, value_enum)]
    dtype: Option<FloatArg>,
    /// File for the delta.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print the counts in JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let neurons = training::mask(&args.neurons)?;
    let mut models = Models::in_folder(Path::new("."));
    let base = models.open(&args.base.display().to_string())?.weights;
    let trained = models.open(&args.trained.display().to_string())?.weights;
    output::spares(&args.out, models.opened().into_iter().chain(args.neurons.clone()))?;
    let mut sink = FileSink::create(&args.out)?;
    let spinner = progress::spinner("comparing the models");
    check_finite(base.as_ref())?;
    let positions = match &neurons {
        None => DeltaPositions::Changed,
        Some(neurons) => {
            check_unmasked(base.as_ref(), trained.as_ref(), neurons)?;
            let wide = |list: &[u32]| list.iter().copied().map(u64::from).collect();
            DeltaPositions::Given(neurons.iter().map(|(name, list)| (name.to_owned(), wide(list))).collect())
        }
    };
    let metadata = BTreeMap::from([
        ("trained_hash".to_owned(), model_hash(trained.as_ref())?),
        ("maec".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
    ]);
    write_delta(
        &mut sink,
        base.as_ref(),
        trained.as_ref(),
        positions,
        args.dtype.map(Dtype::from),
        &metadata,
    )?;
    Box::new(sink).finish()?;
    spinner.finish_and_clear();
    report(args, base)
}

/// Fails where training changed anything but the key neurons: such a delta could not give the trained model back.
fn check_unmasked(base: &dyn Weights, trained: &dyn Weights, neurons: &KeyNeurons) -> Result<()> {
    let sizes = base.tensors().iter().map(|info| (info.name.clone(), info.elements())).collect();
    neurons.check(&sizes)?;
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for info in base.tensors() {
        let found = trained.info(&info.name)?;
        if found.shape != info.shape {
            // The extraction says it in full.
            return Ok(());
        }
        let mut allowed = neurons.of(&info.name).iter().map(|&position| position as usize).peekable();
        for start in (0..info.elements()).step_by(TILE) {
            let range = start..(start + TILE).min(info.elements());
            old.resize(range.len(), 0.0);
            new.resize(range.len(), 0.0);
            base.read_f64(&info.name, range.clone(), &mut old)?;
            trained.read_f64(&info.name, range.clone(), &mut new)?;
            for (position, (old, new)) in range.zip(old.iter().zip(&new)) {
                if allowed.next_if_eq(&position).is_none() && old != new {
                    bail!(
                        "`{}`: tensor `{}` changed at element {position}, which is no key neuron; give the mask that it was trained with",
                        trained.name(),
                        info.name,
                    );
                }
            }
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Counted {
    name: String,
    elements: u64,
    stored: u64,
    dtype: Dtype,
}

#[derive(Serialize)]
struct Report {
    out: String,
    bytes: u64,
    base_fingerprint: String,
    /// Model hash of base + delta.
    model_hash: String,
    tensors: Vec<Counted>,
}

/// What the file holds, read back from it.
fn report(args: &Args, base: Arc<dyn Weights>) -> Result<()> {
    let source = Arc::new(FileSource::open(&args.out)?);
    let bytes = maec_checkpoint::ByteSource::len(source.as_ref());
    let delta = SparseDelta::open(source)?;
    let base_fingerprint = delta.base_fingerprint().to_owned();
    let whole = delta.apply(base)?;
    let mut tensors = Vec::new();
    for info in whole.base().tensors() {
        let entries = whole.entries(&info.name)?;
        tensors.push(Counted {
            name: info.name.clone(),
            elements: info.elements() as u64,
            stored: entries.as_ref().map_or(0, |entries| entries.positions.len() as u64),
            dtype: entries.map_or(info.dtype, |entries| entries.dtype),
        });
    }
    let out = args.out.display().to_string();
    let report = Report { out, bytes, base_fingerprint, model_hash: model_hash(&whole)?, tensors };
    if args.json {
        return output::print_json(&report);
    }
    let mut table = table::new(&["tensor", "parameters", "stored", "%", "dtype"], 1);
    for Counted { name, elements, stored, dtype } in &report.tensors {
        let share = table::share(*stored, *elements);
        table.add_row([name, &table::count(*elements), &table::count(*stored), &share, &dtype.to_string()]);
    }
    let [stored, elements] = [|t: &Counted| t.stored, |t: &Counted| t.elements]
        .map(|of| table::count(report.tensors.iter().map(of).sum()));
    output::print(format!(
        "{table}\n{}: {stored} of {elements} parameters, {} bytes, for the base {}\nmodel hash of base + delta {}",
        report.out,
        table::count(report.bytes),
        table::short(&report.base_fingerprint),
        report.model_hash,
    ))
}
