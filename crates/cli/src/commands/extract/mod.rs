//! `maec extract`: an ability and languages out of a base model, as key neurons, deltas and R(A), R(Li).

pub(super) mod base;
pub(super) mod plan;
mod table;
pub(super) mod watch;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use maec_checkpoint::AtomicFolder;
use maec_lab::reproduce::Tuned;
use maec_lab::{
    BaseModel, Catalog, Experiment, Extraction, Ground, Lab, LabSettings, Plan, Store, WorldGround,
    is_extraction,
};
use maec_model::DeviceKind;
use serde::Serialize;

use crate::args::DeviceArg;
use crate::failure::usage;
use crate::{input, output};
use base::Opened;
use watch::Bar;

/// Arguments of `maec extract`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  maec extract examples/qwen2.5-0.5b.yaml --plan --tokens-per-second 20000
  maec extract examples/qwen2.5-0.5b.yaml --out science
  maec extract --world --ability science --exact --out science

What is trained is kept by content: the same command goes on after Ctrl-C or a crash, and trains nothing twice.")]
pub struct Args {
    /// The experiment: models, corpora and settings (docs/extract.md).
    #[arg(value_name = "EXPERIMENT", required_unless_present = "world", conflicts_with = "world")]
    experiment: Option<PathBuf>,
    /// The workshop world in place of an experiment's file.
    #[arg(long)]
    world: bool,
    /// The world's seed [default: 1].
    #[arg(long, value_name = "N", requires = "world")]
    seed: Option<u64>,
    /// The world's sizes, steps and rates as JSON, where they differ from the published ones.
    #[arg(long, value_name = "FILE", requires = "world")]
    settings: Option<PathBuf>,
    /// Which ability [default: the experiment's only one; of the world, arithmetic].
    #[arg(long, value_name = "NAME")]
    ability: Option<String>,
    /// Rank neurons by the other form of Eq. 1 too, and count how far both agree.
    #[arg(long)]
    exact: bool,
    /// Folder that keeps what was trained, by content [default: maec-studio/lab in the user's cache].
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Folder for key neurons, deltas, R(A), R(Li), overlap.json, recipe.json and provenance.json.
    #[arg(long, value_name = "DIR", required_unless_present = "plan")]
    out: Option<PathBuf>,
    /// Say what would be trained, and everything in its way, from headers and manifests alone.
    #[arg(long)]
    plan: bool,
    /// Tokens a second that the plan's times are for.
    #[arg(long, value_name = "N", requires = "plan")]
    tokens_per_second: Option<f64>,
    #[command(flatten)]
    device: DeviceArg,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// When the experiment can't be held, a training diverges or is interrupted, or a file can't be read or written.
pub fn run(args: &Args) -> Result<()> {
    if let Some(rate) = args.tokens_per_second.filter(|rate| !(rate.is_finite() && *rate > 0.0)) {
        return Err(usage(format!("--tokens-per-second is {rate}: give a positive number")));
    }
    let folder = match &args.cache {
        Some(folder) => folder.clone(),
        None => crate::cache::folder("lab")?,
    };
    match &args.experiment {
        Some(path) => of_experiment(args, path, &folder),
        None => of_world(args, &folder),
    }
}

fn of_world(args: &Args, cache: &Path) -> Result<()> {
    if args.device.device != DeviceKind::Cpu {
        return Err(usage("--world trains on the CPU; leave --device out"));
    }
    let settings = match &args.settings {
        Some(path) => {
            let text = input::text(path)?;
            serde_json::from_str(&text).map_err(|error| usage(format!("{}: {error}", path.display())))?
        }
        None => LabSettings::paper(),
    };
    let ground = WorldGround::new(settings, args.seed.unwrap_or(1))?;
    let ability = args.ability.as_deref().unwrap_or("arithmetic");
    let tuned = Tuned::published().context("the published choices")?;
    let known = ground.abilities();
    let choices = tuned.abilities.get(ability).filter(|_| known.contains(&ability));
    let choices = choices.ok_or_else(|| {
        usage(format!("--ability is `{ability}`: this world teaches {}", known.join(" and ")))
    })?;
    let catalog = Catalog::of_world(&ground.settings, ability);
    let weights = vec![choices.maec.mu; catalog.targets.len()];
    let extraction = Extraction::new(&catalog, choices.maec.parameters, &weights);
    let store = Store::folder(cache);
    if args.plan {
        let plan = Plan::new(&ground, Some(&store), &extraction.wanted(args.exact), args.tokens_per_second)?;
        return plan::print(&plan, args.json);
    }
    let out = begin(args, cache, args.settings.iter().cloned().collect())?;
    let texts = ground.texts();
    extract(args, out, &ground, &store, &extraction, &BaseModel::Written(texts))
}

fn of_experiment(args: &Args, path: &Path, cache: &Path) -> Result<()> {
    let experiment = read(path)?;
    let ability = one_ability(&experiment, args.ability.as_deref())?;
    let experiment = experiment.only(&ability)?;
    let store = Store::folder(cache);
    let device = args.device.open()?;
    let opened = match Opened::open(path, experiment, &store, device, args.plan) {
        Ok(opened) => opened,
        Err(problems) if args.plan => return plan::refuse(problems, args.json),
        Err(problems) => return Err(base::first(problems, "extract", path)),
    };
    let ground = &opened.ground;
    let extraction = ground.extraction(&ability)?;
    if args.plan {
        let known = ground.has_fingerprint().then_some(&store);
        let plan = Plan::new(ground, known, &extraction.wanted(args.exact), args.tokens_per_second)?;
        return plan::print(&plan, args.json);
    }
    let out = begin(args, cache, opened.inputs.clone())?;
    opened.check_values()?;
    extract(args, out, ground, &store, &extraction, &BaseModel::Named(opened.name.clone()))
}

/// Reads an experiment's file.
///
/// # Errors
/// When it is none.
pub(super) fn read(path: &Path) -> Result<Experiment> {
    Experiment::from_yaml(&input::text(path)?).with_context(|| path.display().to_string())
}

/// The ability asked for, or the only one.
///
/// # Errors
/// Where there are several and none is asked for.
pub(super) fn one_ability(experiment: &Experiment, asked: Option<&str>) -> Result<String> {
    match (asked, experiment.abilities.as_slice()) {
        (Some(name), _) => Ok(name.to_owned()),
        (None, [only]) => Ok(only.name.clone()),
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|ability| ability.name.as_str()).collect();
            Err(usage(format!("the experiment has several abilities: give --ability {}", names.join(" or "))))
        }
    }
}

/// A wrong output is found before the training, not after.
fn begin<'a>(args: &'a Args, cache: &Path, inputs: Vec<PathBuf>) -> Result<&'a Path> {
    let out = args.out.as_deref().ok_or_else(|| usage("give --out"))?;
    output::spares(out, inputs.iter().map(PathBuf::as_path).chain([cache]))?;
    drop(AtomicFolder::create(out, is_extraction)?);
    Ok(out)
}

fn extract(
    args: &Args,
    out: &Path,
    ground: &dyn Ground,
    store: &Store,
    extraction: &Extraction,
    base: &BaseModel,
) -> Result<()> {
    let plan = Plan::new(ground, Some(store), &extraction.wanted(args.exact), None)?;
    let bar = Bar::new(&extraction.ability, plan.steps);
    let lab = Lab { ground, store, watch: &bar };
    let extracted = extraction.train(&lab, args.exact)?;
    bar.finish();
    extracted.write(out, base)?;
    let overlaps = extracted.overlaps();
    if args.json {
        let (out, ability) = (out.display().to_string(), &extraction.ability);
        return output::print_json(&Summary { out, ability, overlaps: &overlaps });
    }
    let table = table::overlaps(&overlaps);
    output::print(format!(
        "{table}\n{}: merge it with `maec merge {0}/recipe.json --out MERGED`",
        out.display()
    ))
}

/// What was extracted.
#[derive(Serialize)]
struct Summary<'a> {
    out: String,
    ability: &'a str,
    overlaps: &'a [maec_lab::Overlap],
}
