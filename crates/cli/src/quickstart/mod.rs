//! `maec quickstart`: the whole path on the workshop world, from corpora to one table.

mod results;
mod tune;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, Result};
use maec_recipe::MergeMethod;

use crate::lab::{
    Artefacts, LabSettings, MaecChoice, Provenance, TrainingNews, Workshop, merge, score, write_pack,
};
use crate::output::{self, ReportFile};
use crate::{pack, progress};
use results::{MAEC, Results, Row, SeedResults};
pub use tune::Tuned;

/// Arguments of `maec quickstart`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: maec quickstart --pack demo-pack --out results.json")]
pub struct Args {
    /// Seeds, one experiment each. Test seeds are 1–3, validation seeds 101–103.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1",
        default_value_if("tune", clap::builder::ArgPredicate::IsPresent, "101,102,103")
    )]
    seeds: Vec<u64>,
    /// Test problems asked in every language.
    #[arg(long, default_value = "600")]
    problems: NonZeroUsize,
    /// Choose everything tunable on the validation problems of the seeds, and write it to this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["problems", "out", "pack", "json"])]
    tune: Option<PathBuf>,
    /// Sizes, steps and rates as JSON, where they differ from the published ones.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Write every number and every answer to this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Bundle the first seed's models for the studio in this folder.
    #[arg(long, value_name = "DIR")]
    pack: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// When a training diverges or a file can't be written.
pub fn run(args: &Args) -> Result<()> {
    let settings = match &args.settings {
        Some(path) => LabSettings::read(path)?,
        None => LabSettings::default(),
    };
    if let Some(path) = &args.tune {
        return tune::run(&settings, &args.seeds, path);
    }
    // Wrong outputs are found before the minutes of training, not after.
    args.pack.as_deref().map(pack::check_folder).transpose()?;
    let report = args.out.as_deref().map(ReportFile::begin).transpose()?;
    let tuned = Tuned::published()?;
    let problems = args.problems.get();
    let (mut seeds, mut first) = (Vec::new(), None);
    for &seed in &args.seeds {
        let workshop = Workshop::new(settings.clone(), seed)?;
        let artefacts = train(&workshop)?;
        seeds.push(evaluate(&workshop, &artefacts, &tuned, problems)?);
        first.get_or_insert((workshop, artefacts));
    }
    let results = Results::new(settings, tuned, seeds)?;
    if args.json {
        output::print_json(&results.without_samples())?
    } else {
        output::print(results.table())?
    }
    report.map_or(Ok(()), |report| report.finish(&results))?;
    if let (Some(folder), Some((workshop, artefacts))) = (&args.pack, first) {
        let provenance = Provenance {
            command: &pack::command_line(),
            lambda: results.tuned.pack_lambda,
            problems,
            recorded: &results.seeds[0].recorded(),
        };
        let id = write_pack(folder, &workshop, artefacts, results.tuned.recipe(), &provenance)
            .with_context(|| format!("packing {}", folder.display()))?;
        progress::note(&format!("pack {id} in {}", folder.display()));
    }
    Ok(())
}

/// Trains one seed's checkpoints with a progress bar.
pub(crate) fn train(workshop: &Workshop) -> Result<Artefacts> {
    let total = u64::from(workshop.settings.total_steps());
    let bar = progress::bar(&format!("seed {}", workshop.seed), total);
    let done = std::cell::Cell::new(0);
    let news = |news: TrainingNews<'_>| {
        bar.set_position(done.get() + u64::from(news.step));
        bar.set_message(format!(
            "{} · loss {:.3} · {:.0} tokens/s",
            news.name, news.loss, news.tokens_per_second
        ));
        if news.step == news.steps {
            done.set(done.get() + u64::from(news.steps));
        }
        crate::interrupt::flow()
    };
    let artefacts = Artefacts::train(workshop, &news)?;
    bar.finish_and_clear();
    Ok(artefacts)
}

fn evaluate(
    workshop: &Workshop,
    artefacts: &Artefacts,
    tuned: &Tuned,
    problems: usize,
) -> Result<SeedResults> {
    let bar = progress::spinner("evaluating");
    let test = |name: &str, weights: &maec_checkpoint::MemoryWeights| -> Result<Row> {
        bar.set_message(format!("evaluating {name}"));
        Ok(Row::new(score(workshop, name, weights, true, problems, usize::MAX)?))
    };
    let all =
        MaecChoice { parameters: maec_recipe::Parameters { k2: 1.0, ..tuned.maec.parameters }, ..tuned.maec };
    let task_vector = merge(artefacts, &tuned.task_vector.recipe(MergeMethod::TaskVector), true)?;
    let maec = merge(artefacts, &tuned.maec.recipe(MergeMethod::Maec), false)?;
    let unselected = merge(artefacts, &all.recipe(MergeMethod::Maec), false)?;
    let rows = vec![
        test("base", &artefacts.base)?,
        test("F-CPT_A", &artefacts.full_ability)?,
        test("F-TV", &task_vector)?,
        test(MAEC, &maec)?,
        test("MAEC, k2 = 100 %", &unselected)?,
    ];
    bar.finish_and_clear();
    SeedResults::new(workshop.seed, rows)
}
