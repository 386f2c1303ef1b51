//! The search for an experiment's hyper-parameters: on questions and seeds that its tables do not report.

use std::fs;
use std::path::Path;

use maec_lab::tune::{Models, Tuning};

use crate::common::{json, ok, refused};
use crate::tables::{EVALUATION, EXPERIMENT, place, rows};

const VALIDATION: &str = "  validation: {science: [{task: jsonl, files: [chosen.jsonl]}]}\n";

const TUNE: &str = "tune e.yaml --ability science --cache cache --out tune.json --search random --trials 3";

/// As for the tables, with questions to choose by.
fn place_to_tune(folder: &Path) {
    place(folder);
    let mut chosen = String::new();
    for code in ["en", "es", "zh"] {
        for row in rows(folder, &format!("science/validation/{code}.jsonl")) {
            chosen += &format!("{row}\n");
        }
    }
    fs::write(folder.join("chosen.jsonl"), chosen).unwrap();
    fs::write(folder.join("e.yaml"), format!("{EXPERIMENT}{EVALUATION}{VALIDATION}")).unwrap();
}

#[test]
fn a_search_on_an_experiment_is_gone_on_with_and_read_by_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    place_to_tune(folder);
    let said = ok(folder, &format!("{TUNE} --html tune.html --threads 2"));
    assert!(said.contains("Pareto front") && said.contains("μ"), "{said}");
    let made = fs::read(folder.join("tune.json")).unwrap();
    let tuning = Tuning::read(&made).unwrap();
    assert_eq!((tuning.trials.len(), tuning.base.len(), &tuning.plan.seeds[..]), (3, 1, &[101][..]));
    let Some(Models::Files(of)) = &tuning.plan.settings else { panic!("{:?}", tuning.plan.settings) };
    assert_eq!((of.experiment.as_str(), &of.questions["es"], of.benchmarks.len()), ("e", &1, 1));
    assert!(tuning.trials.iter().all(|trial| trial.perplexity_ratio.is_finite()));
    let page = fs::read_to_string(folder.join("tune.html")).unwrap();
    assert!(page.contains("No question that its tables report was used"), "{page}");

    // The journal is cut as a kill would cut it, and nothing that was trained or asked is there any more: what comes out is the same.
    let journal = folder.join("tune.json.trials.jsonl");
    let lines = fs::read(&journal).unwrap();
    fs::write(&journal, &lines[..lines.len() - 20]).unwrap();
    fs::remove_dir_all(folder.join("cache/values")).unwrap();
    fs::remove_file(folder.join("tune.json")).unwrap();
    let printed = json(folder, &format!("{TUNE} --threads 1"));
    assert_eq!(fs::read(folder.join("tune.json")).unwrap(), made);
    assert_eq!(printed["choice"], serde_json::to_value(tuning.choice).unwrap());
    // Another window more is another search.
    let message = refused(folder, 2, &format!("{TUNE} --texts 1"));
    assert!(message.contains("is the journal of another search (exam.texts: 2 → 1)"), "{message}");

    // So is another R(Lᵢ) of the same models, none of which is trained for it.
    let whole = fs::read_to_string(folder.join("e.yaml")).unwrap();
    fs::write(folder.join("e.yaml"), format!("{whole}language_vectors: two_term\n")).unwrap();
    let trained = fs::read_dir(folder.join("cache")).unwrap().count();
    assert!(refused(folder, 2, TUNE).contains("another search (settings.models"));
    ok(folder, &TUNE.replace("tune.json", "two.json"));
    assert_eq!(fs::read_dir(folder.join("cache")).unwrap().count(), trained);
    let two = Tuning::read(&fs::read(folder.join("two.json")).unwrap()).unwrap();
    assert!(two.trials[0].choice == tuning.trials[0].choice && two.trials[0] != tuning.trials[0]);
    fs::write(folder.join("e.yaml"), whole).unwrap();

    // The tables take it, but not on the seed or the questions that it was chosen on.
    let line = "reproduce e.yaml --plan --tuned tune.json --cache cache --seeds";
    let plan = json(folder, &format!("{line} 3"));
    assert!(plan["tokens"].as_u64().unwrap() > 0);
    let message = refused(folder, 2, &format!("{line} 3,101"));
    assert!(message.contains("chosen on seed 101 would flatter"), "{message}");
    let swapped = format!("{EXPERIMENT}{EVALUATION}").replace("facts.jsonl", "chosen.jsonl");
    fs::write(folder.join("e.yaml"), swapped).unwrap();
    let message = refused(folder, 2, &format!("{line} 3"));
    assert!(message.contains("chosen on questions that the experiment's `evaluation` reports"), "{message}");
}

#[test]
fn what_must_not_be_tuned_on_is_refused_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    place_to_tune(folder);
    let whole = format!("{EXPERIMENT}{EVALUATION}{VALIDATION}");
    let refuse = |text: &str, line: &str| {
        fs::write(folder.join("e.yaml"), text).unwrap();
        refused(folder, 2, line)
    };
    let reported = whole.replace("chosen.jsonl", "facts.jsonl");
    let message = refuse(&reported, TUNE);
    assert!(message.contains("of `validation` is asked for the tables too"), "{message}");
    let message = refuse(&reported, "reproduce e.yaml --seeds 3 --cache cache --out paper");
    assert!(message.contains("of `validation` is asked for the tables too"), "{message}");
    for (from, to, line, part) in [
        (VALIDATION, "", TUNE, "no validation questions of `science`"),
        (VALIDATION, VALIDATION, "tune e.yaml --out tune.json", "give --ability mathematics or science"),
        (
            VALIDATION,
            VALIDATION,
            "tune e.yaml --ability mathematics --out tune.json",
            "no validation questions of `mathematics`",
        ),
        ("validation: {science", "validation: {sciences", TUNE, "no ability `sciences`"),
        ("chosen.jsonl]", "nowhere.jsonl]", TUNE, "nowhere.jsonl"),
        ("chosen.jsonl]}", "chosen.jsonl], score: best}", TUNE, "exact, number, accuracy"),
    ] {
        let message = refuse(&whole.replace(from, to), line);
        assert!(message.contains(part), "{to}: {message}");
    }
    for (more, part) in [
        ("--settings s.json", "--settings"),
        ("--seeds 5,5", "give each validation seed once"),
        ("--set beta=1..0", "give the lower end first"),
        ("--search grid --trials 31", "has at least 32 trials"),
        ("--html e.yaml", "would overwrite the input"),
    ] {
        let message = refuse(&whole, &format!("{} {more}", TUNE.replace("--search random --trials 3", "")));
        assert!(message.contains(part), "{more}: {message}");
    }
    // English questions alone say nothing of where the ability is to arrive.
    let chosen = fs::read_to_string(folder.join("chosen.jsonl")).unwrap();
    let english: Vec<&str> = chosen.lines().filter(|line| line.contains("\"en\"")).collect();
    fs::write(folder.join("chosen.jsonl"), english.join("\n")).unwrap();
    assert!(refuse(&whole, TUNE).contains("ask nothing outside `en`"));
}
