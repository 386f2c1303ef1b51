//! `maec tune`: a whole search on tiny models, and what it refuses before it trains.

mod common;

use std::fs;

use common::{json, ok, refused, said};
use maec_lab::tune::{Method, Search, Tuning, plan};
use serde_json::json;

/// Settings of models that learn nothing, in no time.
fn tiny() -> String {
    json!({
        "width": 8, "mlp": 8, "layers": 1, "heads": 1, "base_steps": 2, "ability_steps": 2, "language_steps": 2,
        "neuron_steps": 2, "language_neuron_steps": 2, "batch": 2, "continual_batch": 2, "heldout": 2, "abilities": "both",
    })
    .to_string()
}

const SEARCH: &str = "tune --ability science --seeds 101,102 --settings tiny.json --search random --trials 3 --problems 2 \
                      --texts 2 --cache cache --out tune.json";

#[test]
fn a_search_is_made_and_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("tiny.json"), tiny()).unwrap();
    let said = ok(folder.path(), &format!("{SEARCH} --html tune.html --threads 2"));
    assert!(said.contains("Pareto front") && said.contains("k₂"), "{said}");
    let made = fs::read(path("tune.json")).unwrap();
    let tuning = Tuning::read(&made).unwrap();
    assert_eq!((tuning.trials.len(), tuning.base.len(), tuning.plan.seeds.len()), (3, 2, 2));
    let page = fs::read_to_string(path("tune.html")).unwrap();
    assert!(page.contains("maec tune --ability science") && page.contains("<svg"), "{page}");
    // The journal is cut as a kill would cut it; what comes out is the same.
    let journal = path("tune.json.trials.jsonl");
    let lines = fs::read(&journal).unwrap();
    fs::write(&journal, &lines[..lines.len() - 20]).unwrap();
    fs::remove_file(path("tune.json")).unwrap();
    let printed = json(folder.path(), &format!("{SEARCH} --threads 1"));
    assert_eq!(fs::read(path("tune.json")).unwrap(), made);
    assert_eq!(printed, serde_json::from_slice::<serde_json::Value>(&made).unwrap());
    // Another search leaves all as it was.
    let message = refused(folder.path(), 2, &SEARCH.replace("--trials 3", "--trials 3 --limit 1.5"));
    assert!(
        message.contains("tune.json.trials.jsonl")
            && message.contains("objective.perplexity_limit: 1.1 → 1.5"),
        "{message}"
    );
}

#[test]
fn what_must_not_or_cannot_be_searched_is_refused_before_training() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("arithmetic.json"), json!({"abilities": "arithmetic"}).to_string()).unwrap();
    let journal = folder.path().join("other.json.trials.jsonl");
    let plan = plan("science", Method::Maec, Search::Random { trials: 64 }, vec![101]);
    let header = json!({"maec_tune": 1, "plan": plan});
    fs::write(&journal, format!("{header}\n")).unwrap();
    let refused = |line: &str| refused(folder.path(), 2, &format!("tune --out t.json {line}"));
    for (line, expected) in [
        ("--ability arithmetic --seeds 101,3", "seed 3 is a test seed"),
        ("--ability arithmetic --seeds 101,101", "give each validation seed once"),
        ("--ability cooking", "the world teaches no `cooking`: name one of arithmetic, science"),
        ("--ability science --settings arithmetic.json", "name one of arithmetic"),
        ("--ability science --search grid --trials 31", "has at least 32 trials"),
        ("--ability science --method f-tv --set beta=0..1", "f-tv has no beta: it has mu, lambda"),
        ("--ability science --set k2=0..2", "k2 is to be 2"),
        ("--ability science --set gamma=2..1", "give the lower end first"),
        ("--ability science --set delta=1", "there is no hyper-parameter `delta`"),
        ("--ability science --set gamma=much", "`much` says no values"),
        ("--ability science --method l-tv --set lambda=0.5", "nothing to search"),
        ("--ability science --limit 0", "the perplexity limit is 0"),
        ("--ability science --problems 0", "--problems"),
        ("--ability science --trials 0", "--trials"),
    ] {
        let message = refused(line);
        assert!(message.contains(expected), "{line}: {message}");
    }
    let line = "tune --ability arithmetic --seeds 101 --search random --out other.json";
    let message = common::refused(folder.path(), 2, line);
    assert!(
        message.contains("is the journal of another search (ability: \"science\" → \"arithmetic\")"),
        "{message}"
    );
    fs::write(&journal, "my notes\n").unwrap();
    let message = common::refused(folder.path(), 2, line);
    assert!(message.contains("is no journal of a search"), "{message}");
}

#[test]
fn a_missing_settings_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let line = ["tune", "--ability", "science", "--settings", "none.json", "--out", "t.json"];
    let output = common::maec(folder.path()).args(line).output().unwrap();
    assert!(said(&output, 1, "tune").contains("none.json"));
}

/// A search of the studio's, on a pack of seed 1.
#[test]
fn what_was_tuned_on_a_seed_is_not_reported_on_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("page.json"), include_str!("../../../tests/tuning/page.json")).unwrap();
    let line = "reproduce --tuned page.json --out paper --seeds";
    let message = refused(folder.path(), 2, &format!("{line} 1,2,3"));
    assert!(message.contains("chosen on seed 1 would flatter"), "{message}");
    // For others it is read: what stops this one comes after it.
    fs::create_dir(folder.path().join("paper")).unwrap();
    fs::write(folder.path().join("paper/mine"), "").unwrap();
    let output = common::maec(folder.path()).args(format!("{line} 2,3").split(' ')).output().unwrap();
    assert!(said(&output, 1, "reproduce").contains("paper"), "{output:?}");
}
