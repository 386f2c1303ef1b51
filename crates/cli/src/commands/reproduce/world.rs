//! The tables on the workshop world.

use std::path::Path;

use anyhow::{Context, Result};
use maec_lab::reproduce::{Measures, Results, Tables, Tuned, measure, wanted};
use maec_lab::{Catalog, Exam, Lab, LabSettings, ProblemSet, Store, WorldExam, WorldGround, steps_left};
use maec_model::DeviceKind;

use super::super::extract::watch::Bar;
use super::Args;
use crate::failure::usage;

/// Runs it.
pub(super) fn run(args: &Args, cache: &Path) -> Result<()> {
    if args.device.device != DeviceKind::Cpu {
        return Err(usage("the workshop world trains on the CPU; leave --device out"));
    }
    let settings = settings(args)?;
    let mut tuned = Tuned::published().context("the published choices")?;
    args.tunings()?.iter().for_each(|tuning| tuned.take(tuning));
    let seeds = args.seeds(1)?;
    if let Some(seed) = seeds.iter().find(|seed| !(1..100).contains(*seed)) {
        return Err(usage(format!(
            "seed {seed} is no test seed: give 1 to 99; 100 and above are for tuning"
        )));
    }
    // The studio searches on a pack's models, whose seed may be one of these.
    if let Some(seed) = seeds.iter().find(|seed| tuned.seeds.contains(seed)) {
        return Err(usage(format!(
            "--tuned: what was chosen on seed {seed} would flatter the results reported for it: give other seeds with --seeds"
        )));
    }
    let out = args.out()?;
    let exam = Exam { set: ProblemSet::Test, problems: args.problems, texts: usize::MAX };
    let store = Store::folder(cache);
    let mut numbers = Vec::new();
    let (mut languages, mut chosen) = (Vec::new(), Default::default());
    for seed in seeds {
        let ground = WorldGround::new(settings.clone(), seed)?;
        let catalogs: Vec<Catalog> =
            ground.abilities().into_iter().map(|ability| Catalog::of_world(&settings, ability)).collect();
        if let Some(catalog) = catalogs.first() {
            languages = catalog.codes().into_iter().map(str::to_owned).collect();
            chosen = tuned.chosen(catalog.targets.len());
        }
        let bar = Bar::new(&format!("seed {seed}"), steps_left(&ground, &store, &wanted(&catalogs, seed)));
        let lab = Lab { ground: &ground, store: &store, watch: &bar };
        let examiner = WorldExam { ground: &ground, exam };
        let tables = Tables { seed, catalogs: &catalogs, chosen: &chosen, examiner: &examiner };
        numbers.push(measure(&lab, &tables, &|stage| bar.say(stage))?);
        bar.finish();
    }
    let budget = settings.budget();
    let of = Measures::World { settings: Box::new(settings), tuned_on: tuned.seeds, problems: args.problems };
    super::write(out, &Results { quick: args.quick, of, languages, budget, chosen, seeds: numbers })
}

fn settings(args: &Args) -> Result<LabSettings> {
    match &args.settings {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            serde_json::from_str(&text).map_err(|error| usage(format!("{}: {error}", path.display())))
        }
        None if args.quick => Ok(LabSettings::quick()),
        None => Ok(LabSettings::paper()),
    }
}
