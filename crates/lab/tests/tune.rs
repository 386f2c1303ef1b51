//! The search for hyper-parameters with a scorer that computes in place of merging.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use maec_lab::reproduce::Tuned;
use maec_lab::tune::{
    Advance, Axis, FilesModels, Method, Models, Objective, Plan, Scorer, Search, Space, Trial, TuneError,
    Tuning, Values, space_of_files, tune,
};
use maec_lab::{LabError, LabSettings, MaecChoice, Scores};
use maec_world::Abilities;

/// Scores by a formula: accuracy peaks at β = 0.3, k₂ = 0.8 (β matters most, μ not at all), perplexity grows with γ.
struct Formula {
    base: Vec<Scores>,
    calls: AtomicUsize,
}

impl Formula {
    fn new(seeds: usize) -> Self {
        let base = Scores { other_languages: 0.1, perplexity: 3.0 };
        Self { base: vec![base; seeds], calls: AtomicUsize::new(0) }
    }
}

impl Scorer for Formula {
    fn base(&self) -> &[Scores] {
        &self.base
    }

    fn score(&self, choice: &MaecChoice) -> Result<Vec<Scores>, LabError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let p = choice.parameters;
        let accuracy = 0.6 - 0.5 * (p.beta - 0.3).powi(2) - 0.2 * (p.k2 - 0.8).powi(2);
        let score = |seed: usize| Scores {
            other_languages: accuracy + 0.01 * seed as f64,
            perplexity: 3.0 * (0.8 + 0.2 * p.gamma),
        };
        Ok((0..self.base.len()).map(score).collect())
    }
}

fn plan(search: Search) -> Plan {
    maec_lab::tune::plan("arithmetic", Method::Maec, search, vec![101, 102])
}

fn go(plan: &Plan, scorer: &dyn Scorer, journal: Option<&Path>, threads: usize) -> Result<Tuning, TuneError> {
    let threads = NonZeroUsize::new(threads).unwrap();
    tune(plan, scorer, journal, threads, &|_: Advance<'_>| ControlFlow::Continue(()))
}

fn json(tuning: &Tuning) -> String {
    serde_json::to_string(tuning).unwrap()
}

#[test]
fn a_grid_is_covered_exactly() {
    let space = Space::of(Method::Maec)
        .with(Axis::Eta, Values::fixed(1.0))
        .with(Axis::Mu, Values::fixed(0.3))
        .with(Axis::K2, "0.6,0.8".parse().unwrap());
    let plan = Plan { space, ..plan(Search::Grid { per: 3 }) };
    let tuning = go(&plan, &Formula::new(2), None, 3).unwrap();
    let point = |trial: &Trial| {
        let p = trial.choice.parameters;
        assert_eq!((p.alpha, p.eta, trial.choice.mu), (1.0, 1.0, 0.3));
        [p.beta, p.gamma, p.k2].map(|value| (value * 1000.0).round() as i64)
    };
    let points: BTreeSet<_> = tuning.trials.iter().map(point).collect();
    let mut all = BTreeSet::new();
    for beta in [0, 500, 1000] {
        for gamma in [200, 1100, 2000] {
            all.extend([[beta, gamma, 600], [beta, gamma, 800]]);
        }
    }
    assert_eq!((points, tuning.trials.len()), (all, 18));
    // β = 0.5 is nearer to 0.3 than 0 and 1 are; γ = 2 breaks the limit of 1.10, 1.1 keeps it and the lower γ breaks the tie.
    let best = tuning.best().choice.parameters;
    assert_eq!((best.beta, best.gamma, best.k2, tuning.within_limit), (0.5, 0.2, 0.8, true));
    assert_eq!(tuning.choice, tuning.best().choice);
}

#[test]
fn draws_are_the_seeds_alone() {
    for search in [Search::Random { trials: 40 }, Search::Model { trials: 40 }] {
        let plan = plan(search);
        let one = go(&plan, &Formula::new(2), None, 1).unwrap();
        assert_eq!(json(&one), json(&go(&plan, &Formula::new(2), None, 4).unwrap()), "{search:?}");
        let other = go(&Plan { seed: 2, ..plan.clone() }, &Formula::new(2), None, 2).unwrap();
        assert_ne!(one.trials[0].choice, other.trials[0].choice, "{search:?}");
        let different: BTreeSet<String> =
            one.trials.iter().map(|trial| serde_json::to_string(&trial.choice).unwrap()).collect();
        assert_eq!(different.len(), 40, "{search:?}");
        for trial in &one.trials {
            for axis in [Axis::Beta, Axis::Gamma, Axis::Eta, Axis::Mu, Axis::K2] {
                let (low, high) = plan.space.values(axis).unwrap().ends();
                assert!((low..=high).contains(&axis.of(&trial.choice)), "{axis:?} in {trial:?}");
            }
        }
    }
}

/// Over several seeds, so that luck does not decide.
#[test]
fn a_model_comes_nearer_than_draws_do() {
    let (mut model, mut random) = (0.0, 0.0);
    for seed in 0..20 {
        let best = |search| {
            let plan = Plan { seed, ..plan(search) };
            let tuning = go(&plan, &Formula::new(2), None, 1).unwrap();
            0.605 - tuning.best().accuracy
        };
        model += best(Search::Model { trials: 64 });
        random += best(Search::Random { trials: 64 });
    }
    assert!(model < random, "regret {model} against {random}");
}

#[test]
fn a_cut_search_goes_on_to_the_same_outcome() {
    let folder = tempfile::tempdir().unwrap();
    for search in [Search::Grid { per: 2 }, Search::Random { trials: 20 }, Search::Model { trials: 40 }] {
        let plan = plan(search);
        let whole = json(&go(&plan, &Formula::new(2), None, 2).unwrap());
        let path = folder.path().join("journal");
        let count = AtomicUsize::new(0);
        let stop = |_: Advance<'_>| match count.fetch_add(1, Ordering::Relaxed) {
            10 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let threads = NonZeroUsize::new(2).unwrap();
        let broken = tune(&plan, &Formula::new(2), Some(&path), threads, &stop);
        assert!(matches!(broken, Err(TuneError::Lab(LabError::Interrupted { .. }))), "{broken:?}");
        // Trials that both threads had begun are whole.
        let written = fs::read(&path).unwrap();
        let lines = written.iter().filter(|byte| **byte == b'\n').count();
        assert!((12..=13).contains(&lines), "{lines}");
        // Wherever the journal is cut, also in the middle of a line and of the first line.
        for cut in [written.len(), written.len() - 1, written.len() / 2, 30, 0] {
            fs::write(&path, &written[..cut]).unwrap();
            let kept = written[..cut].iter().filter(|byte| **byte == b'\n').count().saturating_sub(1);
            let scorer = Formula::new(2);
            assert_eq!(json(&go(&plan, &scorer, Some(&path), 3).unwrap()), whole, "cut at {cut}");
            let trials = plan.search.trials(&plan.space);
            assert_eq!(scorer.calls.into_inner(), trials - kept, "cut at {cut}");
        }
        // Nothing is left to do.
        let scorer = Formula::new(2);
        assert_eq!(json(&go(&plan, &scorer, Some(&path), 1).unwrap()), whole);
        assert_eq!(scorer.calls.into_inner(), 0);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_longer_search_goes_on_from_a_shorter_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let longer = plan(Search::Model { trials: 40 });
    go(&plan(Search::Model { trials: 20 }), &Formula::new(2), Some(&path), 2).unwrap();
    let scorer = Formula::new(2);
    let tuning = go(&longer, &scorer, Some(&path), 2).unwrap();
    assert_eq!(json(&tuning), json(&go(&longer, &Formula::new(2), None, 1).unwrap()));
    assert_eq!(scorer.calls.into_inner(), 20);
}

#[test]
fn an_ability_that_the_world_does_not_teach_is_refused() {
    let good = plan(Search::Random { trials: 4 });
    good.check().unwrap();
    let refused = |plan: Plan| plan.check().unwrap_err().to_string();
    assert!(
        refused(Plan { ability: "cooking".into(), ..good.clone() }).contains("one of arithmetic, science")
    );
    let settings = LabSettings { abilities: Abilities::Arithmetic, ..LabSettings::paper() };
    let arithmetic = Plan { ability: "science".into(), settings: Some(settings.into()), ..good.clone() };
    assert!(refused(arithmetic).contains("no `science`"));
    let settings = LabSettings { heads: 0, ..LabSettings::paper() };
    assert!(refused(Plan { settings: Some(settings.into()), ..good }).contains("heads is 0"));
}

#[test]
fn a_trial_beyond_the_limit_is_chosen_only_where_none_is_within() {
    let dear = Plan { objective: Objective { perplexity_limit: 0.5 }, ..plan(Search::Random { trials: 12 }) };
    let tuning = go(&dear, &Formula::new(2), None, 1).unwrap();
    let lowest = tuning.trials.iter().map(|trial| trial.perplexity_ratio).fold(f64::INFINITY, f64::min);
    assert_eq!((tuning.within_limit, tuning.best().perplexity_ratio), (false, lowest));
}

#[test]
fn an_infinite_perplexity_is_a_number_in_files() {
    struct Ruin(Vec<Scores>);
    impl Scorer for Ruin {
        fn base(&self) -> &[Scores] {
            &self.0
        }
        fn score(&self, choice: &MaecChoice) -> Result<Vec<Scores>, LabError> {
            let perplexity = if choice.parameters.lambda > 0.5 { f64::INFINITY } else { f64::NAN };
            Ok(vec![Scores { other_languages: 0.5, perplexity }])
        }
    }
    let base = vec![Scores { other_languages: 0.1, perplexity: 3.0 }];
    let plan = maec_lab::tune::plan("science", Method::FTv, Search::Grid { per: 4 }, vec![101]);
    let tuning = go(&plan, &Ruin(base), None, 1).unwrap();
    assert_eq!(Tuning::read(json(&tuning).as_bytes()).unwrap(), tuning);
    assert!(!tuning.within_limit);
}

#[test]
fn sensitivity_ranks_the_right_parameter_first() {
    for search in [Search::Grid { per: 3 }, Search::Random { trials: 200 }] {
        let tuning = go(&plan(search), &Formula::new(2), None, 2).unwrap();
        let of = |axis| tuning.sensitivity.iter().find(|of| of.axis == axis).unwrap();
        assert_eq!(tuning.sensitivity[0].axis, Axis::Beta, "{search:?}");
        assert_eq!(tuning.sensitivity[1].axis, Axis::K2, "{search:?}");
        assert!(of(Axis::Beta).accuracy.importance.unwrap() > 0.7, "{search:?}");
        assert!(of(Axis::Mu).accuracy.importance.unwrap() < 0.05, "{search:?}");
        // Only γ moves perplexity.
        assert!(of(Axis::Gamma).perplexity.importance.unwrap() > 0.9, "{search:?}");
        assert!(of(Axis::Beta).perplexity.importance.unwrap() < 0.05, "{search:?}");
        for of in &tuning.sensitivity {
            assert_eq!(of.bins.iter().map(|bin| bin.trials).sum::<usize>(), tuning.trials.len());
            assert!(of.bins.iter().all(|bin| bin.best >= bin.accuracy));
        }
    }
    // By hand, of the grid's means over the others: β at 0, ½, 1 costs 0.045, 0.02 and 0.245.
    let tuning = go(&plan(Search::Grid { per: 3 }), &Formula::new(2), None, 1).unwrap();
    let beta = &tuning.sensitivity[0];
    assert!((beta.accuracy.spread - 0.225).abs() < 1e-12, "{beta:?}");
}

/// The studio's own test makes the same file (web/src/studio/tuning.rs).
#[test]
fn what_the_studio_saves_is_read_and_taken() {
    let saved = include_bytes!("../../../tests/tuning/page.json");
    let tuning = Tuning::read(saved).unwrap();
    assert_eq!((tuning.plan.pack.as_deref(), &tuning.plan.seeds[..]), (Some("0123456789abcdef"), &[1][..]));
    assert_eq!(json(&tuning), String::from_utf8_lossy(saved).trim_end(), "written again, it is the same");
    let mut tuned = Tuned::published().unwrap();
    let before = tuned.clone();
    tuned.take(&tuning);
    assert_eq!(tuned.abilities["arithmetic"].maec, tuning.choice);
    assert_ne!(tuned.abilities["arithmetic"].maec, before.abilities["arithmetic"].maec);
    assert_eq!(tuned.abilities["science"], before.abilities["science"]);
    // Its seed is a test seed, so that whoever reports on it sees that it was tuned on.
    assert_eq!(tuned.seeds.first(), Some(&1));
    // It is drawn as the companion's own are.
    let report = maec_lab::tune::report(&tuning, "");
    assert!(
        serde_json::to_string(&report).unwrap().contains("with the models of pack 0123456789abcdef (seed 1)")
    );
}

fn of_files() -> FilesModels {
    FilesModels {
        experiment: "mine".into(),
        models: "0".repeat(64),
        exam: "1".repeat(64),
        benchmarks: vec!["2".repeat(16)],
        questions: BTreeMap::from([("en".into(), 5), ("es".into(), 4)]),
    }
}

#[test]
fn an_experiments_search_is_written_read_and_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan {
        settings: Some(Models::Files(of_files())),
        space: space_of_files(Method::Maec),
        seeds: vec![3],
        ..plan(Search::Random { trials: 6 })
    };
    let path = folder.path().join("journal");
    let tuning = go(&plan, &Formula::new(1), Some(&path), 1).unwrap();
    assert_eq!(Tuning::read(json(&tuning).as_bytes()).unwrap(), tuning);
    assert_eq!(tuning.plan.settings.as_ref().and_then(Models::files), Some(&of_files()));
    let report = serde_json::to_string(&maec_lab::tune::report(&tuning, "")).unwrap();
    assert!(report.contains("validation questions (en 5, es 4)") && report.contains("of `mine` of seeds 3"));
    // Other questions are another search, whose trials are not taken for this one's.
    let other = Models::Files(FilesModels { exam: "3".repeat(64), ..of_files() });
    let refused = go(&Plan { settings: Some(other), ..plan.clone() }, &Formula::new(1), Some(&path), 1);
    assert!(refused.unwrap_err().to_string().contains("settings.exam"));
    let world = LabSettings::paper().into();
    let refused =
        go(&Plan { settings: Some(world), seeds: vec![103], ..plan }, &Formula::new(1), Some(&path), 1);
    assert!(refused.is_err());
}

#[test]
fn the_report_says_what_the_outcome_says() {
    let tuning = go(&plan(Search::Model { trials: 24 }), &Formula::new(2), None, 2).unwrap();
    let report = maec_lab::tune::report(&tuning, "maec tune --ability arithmetic");
    let text = serde_json::to_string(&report).unwrap();
    assert!(text.contains(&format!("Trial {}:", tuning.best)), "{text}");
    let rows = |id: &str| {
        let tables = report.parts.iter().filter_map(|part| match part {
            maec_lab::report::Part::Table(table) if table.id == id => Some(table),
            _ => None,
        });
        let tables: Vec<_> = tables.collect();
        let [table] = tables[..] else { panic!("{id}: {} tables", tables.len()) };
        assert!(table.rows.iter().all(|row| row.cells.len() == table.columns.len()), "{id}");
        table.rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(rows("best")[0], format!("trial {}", tuning.best));
    assert_eq!(rows("front"), tuning.pareto.iter().map(|n| format!("trial {n}")).collect::<Vec<_>>());
    assert_eq!(rows("sensitivity").len(), 5);
}
