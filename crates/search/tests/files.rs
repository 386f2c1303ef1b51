//! Plans that must not be, the journal, and the outcome's file.

use std::fs;
use std::path::Path;

use maec_search::{
    Axis, Journal, Method, Objective, Plan, ProblemSet, Scores, Search, SearchError, Settings, Space, Trial,
    Tuning, Values, check_journal,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// Settings of models that are taught arithmetic alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Steps {
    steps: u32,
}

impl Settings for Steps {
    fn check(&self, ability: &str) -> Result<(), SearchError> {
        match ability {
            "arithmetic" => Ok(()),
            _ => Err(SearchError::Ability { ability: ability.into(), taught: "arithmetic".into() }),
        }
    }
}

fn plan(search: Search) -> Plan<Steps> {
    let plan = Plan::new("arithmetic", Method::Maec, search, vec![101, 102]);
    Plan { settings: Some(Steps { steps: 5 }), ..plan }
}

/// In the page: the pack's models in place of settings, and its own seed.
fn page() -> Plan<Steps> {
    Plan {
        settings: None,
        pack: Some("0123456789abcdef".into()),
        seeds: vec![1],
        ..plan(Search::Random { trials: 4 })
    }
}

fn tuning(plan: Plan<Steps>) -> Tuning<Steps> {
    let base = vec![Scores { other_languages: 0.1, perplexity: 3.0 }; plan.seeds.len()];
    let choices = plan.search.choices(&plan.space, plan.seed).unwrap();
    let trial = |(number, choice): (usize, maec_search::Choice)| {
        let other_languages = 0.6 - 0.5 * (choice.parameters.beta - 0.3).powi(2);
        let scores = Scores { other_languages, perplexity: 3.0 * (0.8 + 0.2 * choice.parameters.gamma) };
        Trial::new(number, choice, vec![scores; plan.seeds.len()], &base)
    };
    let trials = choices.into_iter().enumerate().map(trial).collect();
    Tuning::new(plan, base, trials).unwrap()
}

#[test]
fn what_must_not_be_tuned_on_is_refused() {
    let good = plan(Search::Random { trials: 4 });
    good.check().unwrap();
    page().check().unwrap();
    let refused = |plan: Plan<Steps>| {
        let error = plan.check().unwrap_err();
        assert!(error.is_usage() && !error.to_string().contains('\n'), "{error}");
        error
    };
    for seed in [0, 1, 3, 99] {
        let error = refused(Plan { seeds: vec![101, seed], ..good.clone() });
        assert!(matches!(error, SearchError::TestSeed { seed: found } if found == seed));
        assert!(error.to_string().contains("validation seeds, such as 101,102,103"), "{error}");
    }
    assert!(matches!(refused(Plan { seeds: vec![], ..good.clone() }), SearchError::Seeds { .. }));
    assert!(matches!(refused(Plan { seeds: vec![101, 101], ..good.clone() }), SearchError::Seeds { .. }));
    assert!(matches!(refused(Plan { settings: None, ..good.clone() }), SearchError::Models));
    assert!(matches!(refused(Plan { settings: Some(Steps { steps: 5 }), ..page() }), SearchError::Models));
    let mut test = good.clone();
    test.exam.set = ProblemSet::Test;
    assert!(matches!(refused(test), SearchError::Exam(_)));
    let mut nothing = good.clone();
    nothing.exam.texts = 0;
    assert!(matches!(refused(nothing), SearchError::Exam(_)));
    assert!(matches!(
        refused(Plan { ability: "cooking".into(), ..good.clone() }),
        SearchError::Ability { .. }
    ));
    for limit in [f64::NAN, 0.0, f64::INFINITY] {
        let objective = Objective { perplexity_limit: limit };
        assert!(matches!(refused(Plan { objective, ..good.clone() }), SearchError::Limit(_)));
    }
    for (axis, values) in [
        (Axis::K2, Values::range(0.5, 1.5)),
        (Axis::K2, Values::List(vec![-0.5, 0.5])),
        (Axis::Beta, Values::range(1.0, 0.0)),
        (Axis::Beta, Values::range(0.0, f64::NAN)),
        (Axis::Gamma, Values::List(vec![])),
        (Axis::Gamma, Values::List(vec![2.0, 1.0])),
    ] {
        let space = good.space.clone().with(axis, values);
        let error = refused(Plan { space, ..good.clone() });
        assert!(matches!(error, SearchError::Values { axis: of, .. } if of == axis), "{error}");
    }
    let lambda = good.space.clone().with(Axis::Lambda, Values::range(0.0, 1.0));
    assert!(matches!(refused(Plan { space: lambda, ..good.clone() }), SearchError::NoSuchAxis { .. }));
    let fixed = Space::of(Method::LTv).with(Axis::Lambda, Values::fixed(0.5));
    let fixed = Plan { space: fixed, method: Method::LTv, ..good.clone() };
    assert!(matches!(refused(fixed), SearchError::NothingFree));
    for search in
        [Search::Random { trials: 0 }, Search::Model { trials: 1 << 30 }, Search::Grid { per: 1000 }]
    {
        assert!(matches!(refused(Plan { search, ..good.clone() }), SearchError::Trials { .. }));
    }
    let small = Plan { search: Search::Grid { per: 1 }, ..good };
    assert!(matches!(refused(small), SearchError::SmallGrid { .. }));
}

#[test]
fn what_was_written_is_read_and_what_does_not_follow_from_its_trials_is_not() {
    for tuning in [tuning(plan(Search::Random { trials: 12 })), tuning(page())] {
        let text = serde_json::to_string(&tuning).unwrap();
        assert_eq!(Tuning::read(text.as_bytes()).unwrap(), tuning);
        let with = |pointer: &str, value: serde_json::Value| {
            let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
            *json.pointer_mut(pointer).unwrap() = value;
            Tuning::<Steps>::read(json.to_string().as_bytes())
        };
        for (pointer, value) in [
            ("/version", 9.into()),
            ("/best", 99.into()),
            ("/best", ((tuning.best + 1) % tuning.trials.len()).into()),
            ("/choice/mu", 0.123.into()),
            ("/within_limit", (!tuning.within_limit).into()),
            ("/pareto", vec![99].into()),
            ("/trials", serde_json::json!([])),
            ("/trials/1/number", 0.into()),
            ("/trials/1/seeds", serde_json::json!([])),
            ("/base", serde_json::json!([])),
            ("/plan/maec", 1.into()),
        ] {
            let found = with(pointer, value);
            assert!(matches!(found, Err(SearchError::NoTuning(_))), "{pointer}: {found:?}");
        }
        assert!(matches!(with("/plan/exam/set", "test".into()), Err(SearchError::Exam(_))));
        for bad in ["", "[]", "{}", &text[..text.len() / 2], &text.replace("\"best\":", "\"worst\":")] {
            assert!(matches!(Tuning::<Steps>::read(bad.as_bytes()), Err(SearchError::NoTuning(_))), "{bad}");
        }
    }
}

fn written(path: &Path, plan: &Plan<Steps>, trials: &[Trial]) -> Vec<u8> {
    let (journal, found) = Journal::open(path, plan).unwrap();
    assert_eq!(found, []);
    trials.iter().for_each(|trial| journal.add(trial).unwrap());
    // Two searches do not write one journal.
    assert!(matches!(Journal::open(path, plan), Err(SearchError::Busy { .. })));
    drop(journal);
    fs::read(path).unwrap()
}

#[test]
fn a_journal_gives_back_its_whole_lines_wherever_it_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let tuning = tuning(plan(Search::Random { trials: 3 }));
    check_journal(&path, &tuning.plan).unwrap();
    let written = written(&path, &tuning.plan, &tuning.trials);
    let first = written.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in (0..=written.len()).step_by(7).chain([written.len()]) {
        fs::write(&path, &written[..cut]).unwrap();
        let whole = written[..cut].iter().filter(|byte| **byte == b'\n').count();
        let (_, found) = Journal::open(&path, &tuning.plan).unwrap();
        assert_eq!(found, tuning.trials[..whole.saturating_sub(1)], "cut at {cut}");
        let kept = fs::read(&path).unwrap();
        assert!(written.starts_with(&kept) && kept.len() >= first, "cut at {cut}");
    }
    // A longer search goes on from a shorter one.
    fs::write(&path, &written).unwrap();
    let longer = plan(Search::Random { trials: 40 });
    assert_eq!(Journal::open(&path, &longer).unwrap().1, tuning.trials);
}

#[test]
fn another_searchs_journal_is_refused_with_the_difference() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let tuning = tuning(plan(Search::Random { trials: 3 }));
    let first = &tuning.plan;
    let before = written(&path, first, &tuning.trials);
    let refused = |plan: &Plan<Steps>| {
        let error = check_journal(&path, plan).unwrap_err();
        assert_eq!(Journal::open(&path, plan).err().map(|error| error.to_string()), Some(error.to_string()));
        error.to_string()
    };
    let gamma = first.space.clone().with(Axis::Gamma, Values::range(0.2, 3.0));
    for (plan, difference) in [
        (Plan { space: gamma, ..first.clone() }, "(space.gamma.range.high: 2.0 → 3.0)"),
        (Plan { seeds: vec![101, 103], ..first.clone() }, "(seeds: [101,102] → [101,103])"),
        (Plan { settings: Some(Steps { steps: 7 }), ..first.clone() }, "(settings.steps: 5 → 7)"),
        (Plan { seed: 5, ..first.clone() }, "(seed: 1 → 5)"),
        (Plan { search: Search::Model { trials: 4 }, ..first.clone() }, "(search.random: "),
    ] {
        let message = refused(&plan);
        assert!(message.contains(difference) && message.contains("another output"), "{message}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
    // A damaged line is named, and so is a file that is none of ours, which stays as it is.
    let text = String::from_utf8(before).unwrap();
    fs::write(&path, text.replacen("\"number\":1", "\"nomber\":1", 1)).unwrap();
    assert!(refused(first).contains("line 3 of"));
    for bytes in [&b"a letter\n"[..], b"a letter", b"\xff\xfe\n", b"{}\n", b"\n"] {
        fs::write(&path, bytes).unwrap();
        assert!(refused(first).contains("is no journal"), "{bytes:?}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>()) {
        let mut bytes = serde_json::to_vec(&tuning(page())).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(bytes.len()).max(bytes.len() / 2));
        // Whatever it says: a digit may have become another.
        let _ = Tuning::<Steps>::read(&bytes);
    }
}
