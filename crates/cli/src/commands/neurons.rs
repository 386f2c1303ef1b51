//! `maec neurons`: Eq. 1, the key neurons of a corpus.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use maec_checkpoint::{FileSink, sha256_hex};
use maec_train::{Cadence, KeyNeurons, TrainConfig, Trainer};
use serde::Serialize;

use crate::args::{DataArgs, LoopArgs};
use crate::training::{self, Alone, Data, Origin};
use crate::{output, table};

/// Arguments of `maec neurons`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  maec neurons --model base --corpus world/ability --k1 0.05 --out a.safetensors"
)]
pub struct Args {
    /// Model to begin with: a folder, or a pack's entry such as PACK#base.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Share of all parameters that are key neurons, ranked globally.
    #[arg(long, default_value_t = 0.05)]
    k1: f64,
    /// Steps of the short run, which trains everything.
    #[arg(long, default_value_t = 50)]
    steps: u32,
    #[command(flatten)]
    training: LoopArgs,
    /// File for the key neurons.
    #[arg(long, value_name = "MASK")]
    out: PathBuf,
    /// Print the counts in JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    training::check_k1(args.k1)?;
    let settings = args.training.over(TrainConfig { steps: args.steps, ..TrainConfig::default() });
    settings.check()?;
    let origin = Origin::model(&args.model)?;
    // A wrong output is found before the training, not after.
    output::spares(&args.out, args.data.paths().chain([args.model.as_path()]))?;
    drop(FileSink::create(&args.out)?);
    let data = Data::read(&args.data, &origin)?;
    let sequences = data.sequences(settings.seed, &origin.config()?)?;
    let device = args.training.device.open()?.autodiff();
    let mut trainer = Trainer::new(origin.build(&device)?, settings.clone(), sequences, None)?;
    let bar = training::bar("finding key neurons", args.steps);
    training::run(&mut trainer, &bar, Cadence::default(), None, &mut Alone)?;
    let neurons = training::key_neurons(&origin, &trainer, settings.learning_rate, args.k1)?;
    neurons.save(&args.out, &metadata(&origin, &data, &settings, args.k1)?)?;
    report(args, &neurons, &trainer)
}

/// Where a mask comes from, for its file.
pub fn metadata(
    origin: &Origin,
    data: &Data,
    settings: &TrainConfig,
    k1: f64,
) -> Result<BTreeMap<String, String>> {
    Ok(BTreeMap::from([
        ("start".into(), origin.identity()?),
        ("tokenizer".into(), sha256_hex(data.texts["tokenizer.json"].as_bytes())),
        ("corpora".into(), serde_json::to_string(&data.identities())?),
        ("settings".into(), serde_json::to_string(settings)?),
        ("k1".into(), k1.to_string()),
        ("maec".into(), env!("CARGO_PKG_VERSION").into()),
    ]))
}

#[derive(Serialize)]
struct Counted {
    name: String,
    elements: u64,
    key_neurons: u64,
}

#[derive(Serialize)]
struct Report {
    out: String,
    parameters: u64,
    key_neurons: u64,
    tensors: Vec<Counted>,
}

fn report(args: &Args, neurons: &KeyNeurons, trainer: &Trainer) -> Result<()> {
    let mut tensors = Vec::new();
    trainer.model().for_each_parameter(&mut |name, shape, _| {
        let key_neurons = neurons.of(name).len() as u64;
        let elements = shape.iter().product::<usize>() as u64;
        tensors.push(Counted { name: name.to_owned(), elements, key_neurons });
    });
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let parameters = tensors.iter().map(|tensor| tensor.elements).sum();
    let out = args.out.display().to_string();
    let report = Report { out, parameters, key_neurons: neurons.len() as u64, tensors };
    if args.json {
        return output::print_json(&report);
    }
    let mut table = table::new(&["tensor", "parameters", "key neurons", "%"], 1);
    for Counted { name, elements, key_neurons } in &report.tensors {
        let share = table::share(*key_neurons, *elements);
        table.add_row([name, &table::count(*elements), &table::count(*key_neurons), &share]);
    }
    let [found, of] = [report.key_neurons, report.parameters].map(table::count);
    output::print(format!("{table}\n{found} key neurons of {of} parameters in {}", report.out))
}
