//! Experiments on models and corpora from files: the published ones against headers, one from end to end, the paper's tables on one, and bad ones.

#[path = "../common/mod.rs"]
mod common;
mod published;
mod tables;
mod tuning;

use std::fs;
use std::path::Path;

use maec_hub::fake::FakeHub;

use common::{json, maec, ok, refused, said, tree, world};

const EXPERIMENT: &str = "\
version: 1
base_model: base
reference: en
general: {en: corpora/en, es: corpora/es}
languages: [{name: es, weight: 1.5}]
abilities: [{name: sums, corpus: corpora/sums}]
training: {tokens: 64, tokens_per_step: 32, seq_len: 16, learning_rate: 1e-2}
";

/// A random model of a config in `base/`, with a tokenizer.
fn random_model(folder: &Path, config: &str, tokenizer: &str) {
    let shape = maec_model::ModelConfig::from_json(config).unwrap();
    let mut state = 1_u32;
    let values = shape.tensors().into_iter().map(|(name, shape)| {
        let values = (0..shape.iter().product()).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        });
        (name, shape, values.collect::<Vec<f32>>())
    });
    let values: Vec<_> = values.collect();
    let tensors: Vec<_> = values.iter().map(|(name, shape, values)| (&**name, &**shape, &**values)).collect();
    fs::create_dir(folder.join("base")).unwrap();
    common::tensors(&folder.join("base/model.safetensors"), &tensors);
    fs::write(folder.join("base/config.json"), config).unwrap();
    fs::copy(folder.join(tokenizer), folder.join("base/tokenizer.json")).unwrap();
}

/// A random model of the world's vocabulary in `base/`, prepared corpora, and `e.yaml`.
fn place(folder: &Path) {
    world(folder);
    let config = fs::read_to_string(folder.join("config.json")).unwrap();
    random_model(folder, &config, "world/tokenizer.json");
    fs::create_dir(folder.join("corpora")).unwrap();
    for (name, text) in
        [("en", "world/general/en.jsonl"), ("es", "world/general/es.jsonl"), ("sums", "world/ability")]
    {
        ok(folder, &format!("corpus prepare --tokenizer base --source {name}={text} --out corpora/{name}"));
    }
    fs::write(folder.join("e.yaml"), EXPERIMENT).unwrap();
}

#[test]
fn an_experiment_becomes_a_folder_that_merges() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    place(folder);
    let planned = json(folder, "extract e.yaml --plan --tokens-per-second 64 --cache cache");
    assert_eq!(
        (planned["plan"]["runs"].as_array().unwrap().len(), &planned["plan"]["seconds"]),
        (6, &6.0.into())
    );
    assert!(!folder.join("cache").exists());
    let summary = json(folder, "extract e.yaml --out out --cache cache --exact");
    assert_eq!(summary["overlaps"].as_array().unwrap().len(), 2 + 2 + 3);
    let parameters = planned["plan"]["parameters"].as_u64().unwrap();
    assert_eq!(summary["overlaps"][0]["all"]["first"], (parameters as f64 * 0.05).round() as u64);
    assert!(ok(folder, "extract e.yaml --plan --cache cache").contains("0 of 6 trainings"));
    for file in
        ["neurons/a", "neurons/en", "neurons/es", "neurons-exact/a", "a-l0", "l0", "es", "r-a", "r-es"]
    {
        assert!(folder.join(format!("out/{file}.safetensors")).is_file(), "{file}");
    }
    // The base is found from any folder.
    fs::rename(folder.join("out"), folder.join("moved")).unwrap();
    assert!(ok(folder, "merge moved/recipe.json --out merged").contains("tensors selected"));
    let before = tree(&folder.join("cache"));
    ok(folder, "extract e.yaml --out again --cache cache");
    assert_eq!(tree(&folder.join("cache")), before);
    let again = |file: &str| {
        (
            fs::read(folder.join("again").join(file)).unwrap(),
            fs::read(folder.join("moved").join(file)).unwrap(),
        )
    };
    for file in ["a-l0.safetensors", "r-a.safetensors", "neurons/es.safetensors", "recipe.json"] {
        let (first, second) = again(file);
        assert!(first == second, "{file}");
    }
}

#[test]
fn a_base_on_the_hub_is_pinned_and_a_plan_fetches_no_weights() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    place(folder);
    let hub = FakeHub::start().unwrap();
    let files = ["config.json", "tokenizer.json", "model.safetensors"];
    let files = files.map(|name| (name, fs::read(folder.join("base").join(name)).unwrap()));
    let commit = hub.repository("org/tiny", &files);
    fs::write(folder.join("e.yaml"), EXPERIMENT.replace("base_model: base", "base_model: org/tiny@main"))
        .unwrap();
    let run = |line: &str| {
        let mut command = maec(folder);
        command.env("HF_ENDPOINT", hub.url()).env("XDG_CACHE_HOME", folder.join("user"));
        let output = command.args(line.split(' ')).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run("extract e.yaml --plan").contains("6 of 6 trainings"));
    run("extract e.yaml --out out");
    let recipe = fs::read_to_string(folder.join("out/recipe.json")).unwrap();
    assert!(recipe.contains(&format!("\"org/tiny@{commit}\"")), "{recipe}");
    // What was trained is known again without a look at the weights.
    assert!(run("extract e.yaml --plan").contains("0 of 6 trainings"));
}

#[test]
fn the_world_extracts_by_its_own_settings() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let settings = r#"{"width": 16, "mlp": 24, "layers": 1, "heads": 2, "base_steps": 4, "ability_steps": 3, "language_steps": 2,
        "neuron_steps": 2, "language_neuron_steps": 2, "batch": 4, "continual_batch": 4, "heldout": 1, "abilities": "both"}"#;
    fs::write(folder.join("s.json"), settings).unwrap();
    let line = "extract --world --seed 3 --settings s.json --ability science --cache cache";
    assert!(ok(folder, &format!("{line} --plan")).contains("13 of 13 trainings"));
    let summary = json(folder, &format!("{line} --out out"));
    assert_eq!((&summary["ability"], summary["overlaps"].as_array().unwrap().len()), (&"science".into(), 5));
    assert!(folder.join("out/base/model.safetensors").is_file());
    ok(folder, "merge out/recipe.json --out merged");
    let unknown = refused(folder, 2, &format!("{} --out o", line.replace("science", "poetry")));
    assert!(unknown.contains("`poetry`: this world teaches arithmetic and science"), "{unknown}");
}

#[test]
fn bad_experiments_are_refused_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    place(folder);
    let refuse = |text: &str, line: &str| {
        fs::write(folder.join("e.yaml"), text).unwrap();
        refused(folder, 2, line)
    };
    let line = "extract e.yaml --out out --cache cache";
    let unknown = refuse(&EXPERIMENT.replace("tokens:", "token:"), line);
    assert!(unknown.contains("unknown key `token` (line 7): did you mean `tokens`?"), "{unknown}");
    let missing = refuse(&EXPERIMENT.replace("corpora/es", "corpora/fr"), line);
    assert!(missing.contains("corpora/fr") && missing.contains("corpus.json"), "{missing}");
    let several = refuse(&EXPERIMENT.replace("corpora/e", "corpora/x"), line);
    assert!(several.contains("(1 more; `maec extract e.yaml --plan` lists all)"), "{several}");
    let absent = refuse(&EXPERIMENT.replace("base_model: base", "base_model: nothing"), line);
    assert!(absent.contains("base_model") && absent.contains("nothing"), "{absent}");
    let over = refuse(EXPERIMENT, "extract e.yaml --out base --cache cache");
    assert!(over.contains("would overwrite"), "{over}");
    let rate = refuse(EXPERIMENT, "extract e.yaml --plan --tokens-per-second 0");
    assert!(rate.contains("positive"), "{rate}");
    let which = EXPERIMENT.replace("sums}]", "sums}, {name: more, corpus: corpora/sums}]");
    assert!(refuse(&which, line).contains("give --ability sums or more"));

    // Words of another tokenizer, and a corpus that fills no window.
    let tokenizer = fs::read_to_string(folder.join("base/tokenizer.json")).unwrap();
    fs::write(folder.join("base/tokenizer.json"), format!("{tokenizer}\n")).unwrap();
    assert!(refuse(EXPERIMENT, line).contains("another tokenizer"));
    fs::write(folder.join("base/tokenizer.json"), tokenizer).unwrap();
    let tiny = refuse(
        &EXPERIMENT.replace("seq_len: 16", "seq_len: 128").replace("corpora/es", "corpora/tiny"),
        line,
    );
    assert!(tiny.contains("corpora/tiny"), "{tiny}");
    fs::write(folder.join("tiny.txt"), "Tom has 3 apples.").unwrap();
    ok(folder, "corpus prepare --tokenizer base --source tiny=tiny.txt --out corpora/tiny");
    let tiny = refuse(
        &EXPERIMENT.replace("seq_len: 16", "seq_len: 128").replace("corpora/es", "corpora/tiny"),
        line,
    );
    assert!(tiny.contains("tokens") && tiny.contains("129"), "{tiny}");
}

#[test]
fn a_plan_lists_every_problem_and_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    place(folder);
    let bad = EXPERIMENT.replace("corpora/e", "corpora/x").replace("base_model: base", "base_model: nothing");
    fs::write(folder.join("e.yaml"), bad).unwrap();
    let output = maec(folder).args(["extract", "e.yaml", "--plan"]).output().unwrap();
    let message = said(&output, 2, "extract --plan");
    assert!(message.contains("3 problems stand in the way"), "{message}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 3);
    let output = maec(folder).args(["extract", "e.yaml", "--plan", "--json"]).output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["problems"].as_array().unwrap().len(), 3);
}
