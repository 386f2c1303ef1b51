//! The paper's tables on an experiment: measured once, without the rows that no corpus is there for, refused without questions.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::{json, ok, refused, tree};
use crate::random_model;

/// Two abilities, one of them translated, and two languages.
pub const EXPERIMENT: &str = "\
version: 1
base_model: base
reference: en
general: {en: corpora/en, es: corpora/es, zh: corpora/zh}
languages: [{name: es, weight: 1.5}, {name: zh, weight: 1.2}]
abilities:
  - {name: mathematics, corpus: corpora/sums, translated: {es: corpora/sums-es, zh: corpora/sums-zh}}
  - {name: science, corpus: corpora/facts}
training: {tokens: 48, tokens_per_step: 24, seq_len: 12, learning_rate: 1e-2, seed: 5}
";

pub const EVALUATION: &str = "\
evaluation:
  limit: 2
  windows: 2
  abilities:
    mathematics: [{task: jsonl, files: [sums.jsonl], max_new_tokens: 4}]
    science: [{task: jsonl, files: [facts.jsonl]}]
";

const LINE: &str = "reproduce e.yaml --seeds 3 --cache cache --out paper";

/// The rows of a world's file.
pub fn rows(folder: &Path, file: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("world").join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A random model, its corpora with a held-out side, two files of questions, and `e.yaml`.
pub fn place(folder: &Path) {
    ok(
        folder,
        "world --out world --seed 3 --abilities both --translated --base-documents 1 --general-documents 60 \
         --ability-documents 60 --heldout-documents 1 --validation-problems 1 --test-problems 3",
    );
    let tokenizer = fs::read_to_string(folder.join("world/tokenizer.json")).unwrap();
    let tokenizer: Value = serde_json::from_str(&tokenizer).unwrap();
    let config = json!({
        "model_type": "llama", "vocab_size": tokenizer["model"]["vocab"].as_object().unwrap().len(),
        "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 4, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
        "tie_word_embeddings": true, "bos_token_id": 2, "eos_token_id": 3,
    });
    random_model(folder, &config.to_string(), "world/tokenizer.json");
    fs::create_dir(folder.join("corpora")).unwrap();
    for (name, source) in [
        ("en", "general/en.jsonl"),
        ("es", "general/es.jsonl"),
        ("zh", "general/zh.jsonl"),
        ("sums", "ability/en.jsonl"),
        ("sums-es", "translated/es.jsonl"),
        ("sums-zh", "translated/zh.jsonl"),
        ("facts", "science/ability/en.jsonl"),
    ] {
        let line = "corpus prepare --tokenizer base --held-out 0.3 --source";
        ok(folder, &format!("{line} {name}=world/{source} --out corpora/{name}"));
    }
    let (mut sums, mut facts) = (String::new(), String::new());
    for code in ["en", "es", "zh"] {
        for row in rows(folder, &format!("test/{code}.jsonl")) {
            let (id, prompt, answer) = (&row["id"], &row["question"], row["answer"].to_string());
            let row = json!({"id": id, "language": code, "prompt": prompt, "answer": answer});
            sums += &format!("{row}\n");
        }
        facts += &fs::read_to_string(folder.join(format!("world/science/test/{code}.jsonl"))).unwrap();
    }
    fs::write(folder.join("sums.jsonl"), sums).unwrap();
    fs::write(folder.join("facts.jsonl"), facts).unwrap();
    fs::write(folder.join("e.yaml"), format!("{EXPERIMENT}{EVALUATION}")).unwrap();
}

fn names(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

#[test]
fn an_experiment_becomes_the_papers_tables_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    place(folder);
    let planned = json(folder, "reproduce e.yaml --plan --seeds 3,4 --cache cache --tokens-per-second 24");
    let seeds = planned["seeds"].as_array().unwrap();
    assert_eq!((&seeds[0]["seed"], &seeds[1]["seed"]), (&3.into(), &4.into()));
    let plan = &seeds[0]["plan"];
    let runs: BTreeSet<&str> =
        plan["runs"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap()).collect();
    for name in ["mathematics + en", "es", "F-CPT_T mathematics", "zh, L", "science, top neurons"] {
        assert!(runs.contains(name), "{name}: {runs:?}");
    }
    assert!(!runs.contains("F-CPT_T science") && !folder.join("cache").exists());
    assert_eq!(planned["tokens"].as_u64().unwrap(), 2 * plan["tokens"].as_u64().unwrap());

    assert!(ok(folder, LINE).contains("report.html"));
    let text = fs::read_to_string(folder.join("paper/results.json")).unwrap();
    let results: Value = serde_json::from_str(&text).unwrap();
    let [mathematics, science] =
        ["mathematics", "science"].map(|ability| &results["seeds"][0]["abilities"][ability]);
    let found = names(&mathematics["rows"]);
    assert_eq!(found.len(), 17, "{found:?}");
    assert!(found.contains(&"F-CPT_T") && !names(&science["rows"]).contains(&"F-CPT_T"));
    assert!(science["left_out"][0].as_str().unwrap().contains("no corpus translated into es, zh"));
    assert_eq!(mathematics["layers"][0]["name"], "the same ability, en and zh");
    assert_eq!(science["layers"][0]["name"], "science and mathematics, both en");
    // Two of three questions in each of two languages outside L0.
    let maec = &mathematics["rows"][12];
    assert_eq!((&maec["name"], &maec["scores"]["others"]["n"]), (&"MAEC".into(), &4.into()));
    assert_eq!(maec["elsewhere"]["science"]["others"]["n"], 4);
    assert!(maec["scores"]["mean_perplexity"].as_f64().unwrap() > 1.0);
    assert_eq!(results["chosen"]["mathematics"]["weights"], json!([1.5, 1.2]));
    let page = fs::read_to_string(folder.join("paper/report.html")).unwrap();
    assert!(
        page.contains("MAEC on e: the paper's tables") || page.contains("MAEC on e: the paper&#39;s tables")
    );
    assert!(page.contains("average outside en") && page.contains("F-CPT_T are left out"));

    // All is kept: nothing is trained or asked again, and extraction finds its part.
    let before = tree(&folder.join("cache"));
    assert!(ok(folder, "reproduce e.yaml --plan --seeds 3 --cache cache").contains("0 of"));
    ok(folder, LINE);
    assert_eq!(tree(&folder.join("cache")), before);
    assert_eq!(fs::read_to_string(folder.join("paper/results.json")).unwrap(), text);
    fs::write(folder.join("e.yaml"), EXPERIMENT.replace("seed: 5", "seed: 3")).unwrap();
    assert!(ok(folder, "extract e.yaml --ability science --plan --cache cache").contains("0 of 8 trainings"));
}

#[test]
fn an_experiment_that_asks_wrongly_is_refused_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    place(folder);
    let refuse = |text: &str| {
        fs::write(folder.join("e.yaml"), text).unwrap();
        refused(folder, 2, LINE)
    };
    let missing = refuse(EXPERIMENT);
    assert!(missing.contains("has no `evaluation`: add one, for example") && missing.contains("mathematics"));
    let whole = format!("{EXPERIMENT}{EVALUATION}");
    for (from, to, part) in [
        ("    science: [{task: jsonl, files: [facts.jsonl]}]\n", "", "no benchmark of `science`"),
        ("science: [{task: jsonl", "sciences: [{task: jsonl", "no ability `sciences`"),
        ("science: [{task: jsonl", "science: [{task: poetry", "mgsm, gsm8k, mmlu or jsonl"),
        ("files: [facts.jsonl]", "file: [facts.jsonl]", "did you mean `files`?"),
        ("files: [facts.jsonl]", "files: [nowhere.jsonl]", "nowhere.jsonl"),
        ("files: [facts.jsonl]", "files: []", "jsonl's files is empty"),
        ("files: [facts.jsonl]", "files: [facts.jsonl], score: best", "exact, number, accuracy"),
        ("files: [facts.jsonl]", "files: [facts.jsonl], language: fr", "language is `fr`"),
        ("{name: zh, weight: 1.2}", "", "`zh-0000` is in `zh`"),
    ] {
        let text = whole.replace(from, to);
        assert_ne!(text, whole, "{from}");
        let said = refuse(&text);
        assert!(said.contains(part), "{to}: {said}");
    }
    // English questions alone, and nothing held out.
    let english: String = fs::read_to_string(folder.join("facts.jsonl")).unwrap();
    let english: Vec<&str> = english.lines().filter(|line| line.contains("\"en\"")).collect();
    fs::write(folder.join("facts.jsonl"), english.join("\n")).unwrap();
    assert!(refuse(&whole).contains("ask nothing outside `en`"));
    ok(
        folder,
        "corpus prepare --tokenizer base --held-out 0 --source world/general/es.jsonl --out corpora/all",
    );
    let said = refuse(&whole.replace("es: corpora/es", "es: corpora/all"));
    assert!(said.contains("holds out 0 tokens") && said.contains("--held-out"), "{said}");
    fs::write(folder.join("e.yaml"), &whole).unwrap();
    assert!(refused(folder, 2, &LINE.replace("3", "3,3")).contains("given twice"));
}
