//! The whole way: world, training, key neurons, masked training, deltas, merging, evaluation, pack.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::{json, ok, refused, tree, unfinished, world};
use maec_checkpoint::{ModelFolder, fingerprint, model_hash, open_weights};
use maec_train::KeyNeurons;

const RECIPE: &str = "\
version: 1
merge_method: maec
base_model: base
ability: {model: a-l0}
reference: {model: l0}
languages:
  - {name: es, model: es, weight: 0.5}
  - {name: te, model: te, weight: 0.25}
parameters: {k2: 0.6}
out_dtype: bfloat16
";

/// Trains everything that a merge needs, and extracts the deltas.
fn train(folder: &Path) {
    world(folder);
    ok(
        folder,
        "train --init config.json --tokenizer world --corpus world/base.jsonl --steps 12 --batch 8 --warmup 2 \
         --dtype bfloat16 --out base",
    );
    for (mask, corpus) in
        [("a", "ability"), ("en", "general/en.jsonl"), ("es", "general/es.jsonl"), ("te", "general/te.jsonl")]
    {
        let line = format!(
            "neurons --model base --corpus world/{corpus} --steps 3 --batch 8 --k1 0.05 --out {mask}.mask"
        );
        ok(folder, &line);
    }
    for (id, data) in [
        ("a-l0", "--corpus world/ability --corpus world/general/en.jsonl --neurons a.mask --neurons en.mask"),
        ("l0", "--corpus world/general/en.jsonl --neurons en.mask"),
        ("es", "--corpus world/general/es.jsonl --neurons es.mask"),
        ("te", "--corpus world/general/te.jsonl --neurons te.mask"),
    ] {
        ok(folder, &format!("train --model base {data} --steps 4 --batch 8 --warmup 1 --out {id}"));
        ok(folder, &format!("delta --base base --trained {id} --dtype bf16 --out deltas/{id}.safetensors"));
    }
    fs::write(folder.join("recipe.yaml"), RECIPE).unwrap();
}

fn weights(path: &Path) -> BTreeMap<String, Vec<f32>> {
    let weights = open_weights(path).unwrap();
    weights.tensors().iter().map(|info| (info.name.clone(), weights.read_f32(&info.name).unwrap())).collect()
}

/// Only key neurons changed, and some of them did.
fn check_mask(folder: &Path, id: &str, masks: &[&str]) {
    let (base, trained) = (weights(&folder.join("base")), weights(&folder.join(id)));
    let load = |mask: &&str| KeyNeurons::load(&folder.join(mask)).unwrap().0;
    let mask = masks.iter().map(load).reduce(|a, b| a.union(&b)).unwrap();
    let mut changed = 0;
    for (name, base) in &base {
        for (position, (old, new)) in base.iter().zip(&trained[name]).enumerate() {
            if old.to_bits() != new.to_bits() {
                changed += 1;
                assert!(
                    mask.of(name).binary_search(&(position as u32)).is_ok(),
                    "{id}: {name} at {position}"
                );
            }
        }
    }
    assert!(changed > mask.len() / 2, "{id}: {changed} of {} changed", mask.len());
}

#[test]
fn from_corpus_to_pack() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("deltas")).unwrap();
    train(folder);

    // Eq. 1: an exact cut over all parameters.
    let base = weights(&folder.join("base"));
    let parameters: usize = base.values().map(Vec::len).sum();
    let (neurons, metadata) = KeyNeurons::load(&folder.join("a.mask")).unwrap();
    assert_eq!(
        (neurons.len(), metadata["k1"].as_str()),
        ((parameters as f64 * 0.05).round() as usize, "0.05")
    );
    check_mask(folder, "a-l0", &["a.mask", "en.mask"]);
    check_mask(folder, "te", &["te.mask"]);

    deltas(folder);
    let merged_hash = merges(folder);
    evaluates(folder);
    packs(folder, &merged_hash);
    assert!(unfinished(folder).is_empty(), "{:?}", unfinished(folder));
}

fn deltas(folder: &Path) {
    // Without rounding, base + delta is the trained model.
    let exact = json(folder, "delta --base base --trained es --neurons es.mask --out exact.safetensors");
    let trained = ModelFolder::open(&folder.join("es")).unwrap();
    let stored: u64 =
        exact["tensors"].as_array().unwrap().iter().map(|tensor| tensor["stored"].as_u64().unwrap()).sum();
    assert_eq!(stored as usize, KeyNeurons::load(&folder.join("es.mask")).unwrap().0.len());
    fs::write(
        folder.join("identity.yaml"),
        "version: 1\nmerge_method: maec\nbase_model: base\nability: {model: exact}\nreference: {model: exact}\n\
         languages: [{name: es, model: exact, weight: 1}]\nparameters: {k2: 0}\nout_dtype: float32\n",
    )
    .unwrap();
    // k2 = 0 and μ = 1 give the language's model, so the delta and its checkpoint must hash alike.
    let merged = json(folder, "merge identity.yaml --out identity.safetensors");
    assert_eq!(merged["output_hash"], model_hash(&trained).unwrap());
    // A mask that the model was not trained with.
    let message =
        refused(folder, 1, "delta --base base --trained es --neurons te.mask --out wrong.safetensors");
    assert!(message.contains("which is no key neuron"), "{message}");
}

fn merges(folder: &Path) -> String {
    let report = json(folder, "merge recipe.yaml --out merged.safetensors --report report.json");
    let written: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("report.json")).unwrap()).unwrap();
    assert_eq!(report, written);
    let tensors = report["tensors"].as_array().unwrap();
    let selected = tensors.iter().filter(|tensor| tensor["selected"] == true).count();
    assert_eq!(selected, maec_merge::count_half_up(0.6, tensors.len()));
    assert!(
        report["inputs"].as_array().unwrap().iter().all(|input| input["hash"].as_str().unwrap().len() == 64)
    );
    for key in ["name", "similarity", "rank", "ability_norm", "language_norm", "base_norm"] {
        assert!(!tensors[0][key].is_null(), "{key}");
    }

    // A folder holds the same tensors, and all that a model needs; it is replaced only where it is ours.
    let table = ok(folder, "merge recipe.yaml --out merged");
    let hash = report["output_hash"].as_str().unwrap().to_owned();
    assert!(table.contains(&hash), "{table}");
    let merged = ModelFolder::open(&folder.join("merged")).unwrap();
    assert_eq!(model_hash(&merged).unwrap(), hash);
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json", "README.md", "recipe.yaml"] {
        assert!(folder.join("merged").join(file).is_file(), "{file}");
    }
    assert!(merged.config().contains("\"torch_dtype\": \"bfloat16\""));
    let card = || fs::read_to_string(folder.join("merged/README.md")).unwrap();
    assert!(card().contains(&hash));
    assert_eq!(fs::read(folder.join("merged/recipe.yaml")).unwrap(), {
        let recipe = maec_recipe::Recipe::from_yaml(RECIPE).unwrap();
        recipe.to_yaml().into_bytes()
    });
    // Inputs are known by their fingerprints; only whoever asks waits for their hashes.
    let base = ModelFolder::open(&folder.join("base")).unwrap();
    let (known, read) = (fingerprint(&base).unwrap(), model_hash(&base).unwrap());
    assert!(card().contains(&known) && !card().contains(&read), "{}", card());
    ok(folder, "merge recipe.yaml --out merged --hash-inputs");
    assert!(card().contains(&known) && card().contains(&read), "{}", card());
    fs::write(folder.join("merged/notes.txt"), "mine").unwrap();
    assert!(refused(folder, 1, "merge recipe.yaml --out merged").contains("merged"));
    fs::remove_file(folder.join("merged/notes.txt")).unwrap();
    hash
}

fn evaluates(folder: &Path) {
    let line = "eval --model base --model merged --problems world/test --text world/heldout";
    let report = json(folder, &format!("{line} --limit 10 --out results.json"));
    assert_eq!(
        report,
        serde_json::from_slice::<serde_json::Value>(&fs::read(folder.join("results.json")).unwrap()).unwrap()
    );
    for model in report["models"].as_array().unwrap() {
        let languages = model["languages"].as_array().unwrap();
        let codes: Vec<&str> = languages.iter().map(|it| it["language"].as_str().unwrap()).collect();
        assert_eq!(codes, ["en", "es", "zh", "bn", "te"]);
        for language in languages {
            assert_eq!(language["accuracy"]["n"], 10);
            assert!(language["perplexity"]["perplexity"].as_f64().unwrap() > 1.0);
            let samples = language["samples"].as_array().unwrap();
            assert_eq!(samples.len(), 10);
            assert!(samples.iter().all(|sample| sample["text"].is_string()));
        }
    }
    let table = ok(folder, &format!("{line} --limit 10"));
    assert!(table.contains("n = 10 problems") && table.contains("all but en"), "{table}");
    // Languages of which there is only text have no accuracy.
    assert!(!ok(folder, "eval --model base --text world/heldout/es.jsonl").contains("Accuracy"));
}

fn packs(folder: &Path, merged_hash: &str) {
    let row = |language| serde_json::json!({"language": language, "n": 10, "correct": 1, "low": 0.0, "high": 0.4, "perplexity": 3.0, "close_calls": []});
    let languages = ["en", "es", "zh", "bn", "te"].map(row);
    let rows = serde_json::json!([{"label": "F-TV", "source": "a test", "languages": languages}]);
    fs::write(folder.join("recorded.json"), rows.to_string()).unwrap();
    let line = "pack --base base --delta a-l0=ability=deltas/a-l0.safetensors --delta l0=reference=l0 \
                --delta es=language:es=deltas/es.safetensors --delta te=language:te=te --problems world/test \
                --heldout world/heldout --limit 6 --recipe recipe.yaml --recorded recorded.json --lambda 0.5 \
                --title Workshop --seed 3 --out pack";
    ok(folder, line);
    let first = tree(&folder.join("pack"));
    ok(folder, line);
    assert_eq!(tree(&folder.join("pack")), first, "the same inputs give the same pack");

    let summary = json(folder, "verify pack --evaluate 4");
    // Deltas with rounded values, so another hash than from the checkpoints, but the one that deltas give.
    ok(folder, "merge pack/recipe.json --out from-pack");
    let from_pack = model_hash(&ModelFolder::open(&folder.join("from-pack")).unwrap()).unwrap();
    assert_eq!(summary["merged_hash"], from_pack);
    let rounded = json(folder, "merge recipe.yaml --models pack --out rounded.safetensors");
    assert_eq!(rounded["output_hash"], from_pack);
    assert_ne!(from_pack, merged_hash);
    let results = summary["results"].as_array().unwrap();
    let subjects: Vec<&str> = results.iter().map(|result| result["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, ["base", "task_vector", "merged"]);
    assert!(
        results.iter().all(|result| result["languages"].as_array().unwrap().iter().all(|it| it["n"] == 4))
    );
    assert!(ok(folder, "verify pack").contains(&from_pack));

    // The same numbers from the merged folder.
    let report = json(
        folder,
        "eval --model pack#base --model from-pack --problems pack/problems.jsonl --text pack/heldout.jsonl --limit 4",
    );
    for (model, place) in [(0, 0), (1, 2)] {
        for language in 0..5 {
            let (a, b) =
                (&report["models"][model]["languages"][language], &results[place]["languages"][language]);
            assert_eq!(a["accuracy"]["correct"], b["correct"]);
            assert_eq!(a["perplexity"]["perplexity"], b["perplexity"]);
        }
    }

    // One changed byte.
    let heldout = folder.join("pack/heldout.jsonl");
    let mut bytes = fs::read(&heldout).unwrap();
    bytes[20] ^= 1;
    fs::write(&heldout, bytes).unwrap();
    let message = refused(folder, 1, "verify pack");
    assert!(message.contains("`heldout.jsonl` is not the one its manifest names"), "{message}");
    // A base that was not rounded first.
    let message =
        refused(folder, 1, &line.replace("--base base", "--base l0").replace("--out pack", "--out other"));
    assert!(message.contains("BF16") || message.contains("another base"), "{message}");
}

#[test]
fn corpora_that_teach_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder);
    fs::write(folder.join("empty.jsonl"), "\n").unwrap();
    fs::write(folder.join("bad.jsonl"), "{\"text\": \"Tom has 3 apples .\"}\n{\"txt\": 1}\n").unwrap();
    fs::create_dir(folder.join("none")).unwrap();
    let train = "train --init config.json --tokenizer world --out out --corpus";
    for (corpus, words) in [
        ("empty.jsonl", "the corpus `empty.jsonl` is empty"),
        ("bad.jsonl", "bad.jsonl: line 2"),
        ("none", "no *.jsonl file"),
    ] {
        let message = refused(folder, 1, &format!("{train} {corpus}"));
        assert!(message.contains(words), "{message}");
    }
    ok(folder, &format!("{train} world/base.jsonl --steps 1 --batch 2 --dtype bfloat16"));
    let message = refused(folder, 1, "neurons --model out --corpus empty.jsonl --out n.safetensors");
    assert!(message.contains("`empty.jsonl` is empty"), "{message}");
    let message = refused(folder, 1, "eval --model out --problems empty.jsonl --out r.json");
    assert!(message.contains("`empty.jsonl` is empty"), "{message}");
    // A mask of another model, and a run that diverges.
    common::tensors(&folder.join("not-a-mask.safetensors"), &[("t", &[1], &[0.0])]);
    let message = refused(
        folder,
        1,
        "train --model out --corpus world/base.jsonl --neurons not-a-mask.safetensors --out o2",
    );
    assert!(message.contains("not a file of key neurons"), "{message}");
    let line = "train --model out --corpus world/base.jsonl --steps 9 --batch 2 --lr 1e30 --warmup 0 --clip 0 --out o2";
    assert!(refused(folder, 1, line).contains("training diverged"));
}

#[test]
fn broken_models_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    world(folder);
    ok(
        folder,
        "train --init config.json --tokenizer world --corpus world/base.jsonl --steps 1 --batch 2 --dtype bf16 --out m",
    );
    let uses = [
        "train --model m --corpus world/ability --out out",
        "neurons --model m --corpus world/ability --out out.safetensors",
        "eval --model m --problems world/test --out out.json",
    ];
    let (weights, config) = (folder.join("m/model.safetensors"), folder.join("m/config.json"));
    let (whole, text) = (fs::read(&weights).unwrap(), fs::read_to_string(&config).unwrap());

    // The last value of the last tensor becomes a NaN.
    let nan = [&whole[..whole.len() - 2], &[0xc0, 0x7f]].concat();
    fs::write(&weights, nan).unwrap();
    for line in uses {
        let message = refused(folder, 1, line);
        assert!(
            message.contains("tensor `model.norm.weight` holds a NaN or infinity at element 15"),
            "{message}"
        );
    }
    fs::write(&weights, whole).unwrap();

    for (from, to, words) in [
        ("\"intermediate_size\": 24", "\"intermediate_size\": 25", "has shape [24, 16]"),
        ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "no tensor `model.layers.2"),
        ("\"model_type\": \"llama\"", "\"model_type\": \"bert\"", "model_type = \"bert\""),
    ] {
        assert!(text.contains(from), "{text}");
        fs::write(&config, text.replace(from, to)).unwrap();
        for line in uses {
            let message = refused(folder, 1, line);
            assert!(message.contains(words), "{message}");
        }
    }
}
