//! The search on the workshop world.

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::{Context, Result};
use maec_lab::tune::{Merges, Space, ask_world, parts, plan, runs};
use maec_lab::{Catalog, Exam, Lab, LabSettings, ProblemSet, Store, Wanted, WorldGround, steps_left};
use maec_model::DeviceKind;

use super::super::extract::watch::Bar;
use super::{Args, Plan, Search};
use crate::failure::usage;

/// Runs it.
pub(super) fn run(args: &Args) -> Result<()> {
    if args.device.device != DeviceKind::Cpu {
        return Err(usage("the workshop world trains on the CPU; leave --device out"));
    }
    let ability = args.ability.as_deref().ok_or_else(|| usage("give --ability"))?;
    let settings = args.settings.as_deref().map_or(Ok(LabSettings::paper()), settings)?;
    let method = args.method.method();
    let count = |asked: Option<NonZeroUsize>, usual| asked.map_or(usual, NonZeroUsize::get);
    let (problems, texts) = (count(args.problems, 200), count(args.texts, 150));
    let seeds = args.seeds.clone().unwrap_or_else(|| vec![101, 102, 103]);
    let of = Plan {
        settings: Some(settings.clone().into()),
        exam: Exam { set: ProblemSet::Validation, problems, texts },
        ..plan(ability, method, Search::Model { trials: args.trials.get() }, seeds)
    };
    let plan = args.plan(of, Space::of(method))?;
    let outputs = args.begin(&plan, args.settings.as_slice())?;
    let store = Store::folder(args.cache()?);
    let catalog = Catalog::of_world(&settings, ability);
    let wanted: Vec<Wanted> = runs(&catalog, method).into_iter().map(Wanted::Weights).collect();
    let mut merges = Merges::new(method, &catalog, NonZeroUsize::MIN);
    for &seed in &plan.seeds {
        let ground = WorldGround::new(settings.clone(), seed)?;
        let bar = Bar::new(&format!("seed {seed}"), steps_left(&ground, &store, &wanted));
        let parts = parts(&Lab { ground: &ground, store: &store, watch: &bar }, &catalog, method)?;
        bar.finish();
        merges.add(parts, ask_world(ground, plan.exam, ability))?;
    }
    args.search(&plan, &merges, args.threads.unwrap_or_else(super::cores), outputs)
}

fn settings(path: &Path) -> Result<LabSettings> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| usage(format!("{}: {error}", path.display())))
}
