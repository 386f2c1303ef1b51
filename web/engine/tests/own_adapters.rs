//! Adapters and joined vocabularies in merges into files, held against the libraries underneath and against mergekit's values.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::merges::*;
use common::own::*;
use common::web::{COMMIT, repository};
use common::{Bed, Files, model, recipe, safetensors};
use maec_checkpoint::lora::Adapter;
use maec_checkpoint::{
    DirFiles, FileSource, MemoryWeights, ModelFolder, SafetensorsReader, TensorInfo, Weights, model_hash,
};
use maec_merge::config::{ConfigJob, Joined, Loaded, join_vocabularies};
use maec_merge::engine::{Job, MemoryOutput, Pool, run, shards};
use maec_protocol::{AdapterCard, ItemId, ItemKind, Merging, Request};
use maec_recipe::mergekit::{Config, ModelName};
use serde_json::{Value, json};

/// Tensors with their bytes.
type Tensors = Vec<(TensorInfo, Vec<u8>)>;

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/mergekit")
}

fn golden_text(name: &str) -> String {
    fs::read_to_string(goldens().join(name)).unwrap()
}

/// A folder of mergekit's inputs as it is dropped.
fn golden(name: &str) -> Files {
    let files = fs::read_dir(goldens().join("inputs").join(name)).unwrap().map(Result::unwrap);
    let file = |file: fs::DirEntry| {
        let path = format!("{name}/{}", file.file_name().into_string().unwrap());
        (path, fs::read(file.path()).unwrap())
    };
    files.map(file).collect()
}

fn opened<const N: usize>(folders: [&str; N]) -> (Bed<false>, Vec<ItemId>) {
    let mut bed = bed(Files::new(), Files::new());
    let items = folders.map(|name| open(&mut bed, golden(name))).to_vec();
    (bed, items)
}

/// The models of a configuration, opened as the companion opens them.
fn loaded(config: &Config) -> Joined {
    let open = |name: &ModelName| {
        let stored: Arc<dyn Weights> = Arc::new(ModelFolder::open(&goldens().join(&name.model)).unwrap());
        let mut weights = stored.clone();
        if let Some(lora) = &name.lora {
            let files = DirFiles::open(&goldens().join(&lora.model)).unwrap();
            weights = Arc::new(Adapter::open(&files).unwrap().onto_f32(weights).unwrap());
        }
        let tokenizer = fs::read_to_string(goldens().join(&name.model).join("tokenizer.json")).ok();
        (Loaded { name: name.clone(), weights, stored }, tokenizer)
    };
    let (models, tokenizers): (Vec<_>, Vec<_>) = config.models().into_iter().map(open).unzip();
    join_vocabularies(config, models, &tokenizers).unwrap()
}

/// The hash that the engine underneath gives.
fn expected(config: &Config, joined: &Joined) -> String {
    let mut job = ConfigJob::new(config, &joined.models).unwrap();
    let shards = shards(job.outputs(), SHARD, &BTreeMap::new()).unwrap();
    let go_on = &mut |_: maec_merge::Progress<'_>| ControlFlow::Continue(());
    run(&mut job, &shards, &mut MemoryOutput::default(), &Pool::new(2).unwrap(), go_on).unwrap()
}

#[test]
fn an_adapters_card_is_what_its_files_say() {
    let (mut bed, _) = opened([]);
    let found = item(look_dropped(&mut bed, golden("lora")));
    let bytes = SafetensorsReader::open(Arc::new(
        FileSource::open(&goldens().join("inputs/lora/adapter_model.safetensors")).unwrap(),
    ))
    .unwrap();
    let card = AdapterCard {
        rank: "2 to 3, α 6, scaled by α/r".into(),
        targets: "4 modules: down_proj, q_proj".into(),
        tensors: 8,
        bytes: bytes.tensors().iter().map(|info| info.bytes() as u64).sum(),
        base: "inputs/base".into(),
    };
    assert_eq!((found.title.as_str(), found.kind), ("lora", ItemKind::Adapter(card)));
    // Chosen one by one, the files have no folder's name.
    let loose = golden("lora").into_iter().map(|(name, bytes)| (name.replace("lora/", ""), bytes));
    assert_eq!(item(look_dropped(&mut bed, loose.collect())).title, "adapter");
}

#[test]
fn an_adapter_is_put_in_as_the_companion_puts_it_in() {
    let yaml = golden_text("lora.yaml");
    let (mut bed, items) = opened(["base", "a", "lora"]);
    let plan = plan(&mut bed, config(&yaml, &items)).unwrap();
    let notes = ["a", "base"]
        .map(|it| format!("`inputs/{it}+inputs/lora`: the adapter changes 4 of the model's tensors."));
    let mut said = plan.notes.clone();
    said.sort();
    assert_eq!(said, notes);
    let (hash, _, _) = written(&mut bed, &config(&yaml, &items));
    let config = Config::from_yaml(&yaml).unwrap();
    assert_eq!(hash, expected(&config, &loaded(&config)));
    let merged = folder_on(&bed);
    assert_eq!(hash, model_hash(&merged).unwrap());
    let mergekits = goldens().join("lora.safetensors");
    let mergekits = SafetensorsReader::open(Arc::new(FileSource::open(&mergekits).unwrap())).unwrap();
    for info in mergekits.tensors() {
        let pairs =
            merged.read_f32(&info.name).unwrap().into_iter().zip(mergekits.read_f32(&info.name).unwrap());
        for (found, expected) in pairs {
            assert!((found - expected).abs() <= 1e-6 * (1.0 + expected.abs()), "{}", info.name);
        }
    }
    // The factors' memory is planned beside the merge's buffers.
    let without =
        yaml.replace("inputs/a+inputs/lora", "inputs/a").replace("inputs/base+inputs/lora", "inputs/base");
    let without = without.replace("  - model: inputs/base\n    parameters: {weight: 0.5}\n", "");
    let plain = common::merges::plan(&mut bed, common::merges::config(&without, &items)).unwrap();
    assert!(plan.memory_bytes > plain.memory_bytes && plain.notes.is_empty(), "{plan:?} {plain:?}");
}

#[test]
fn vocabularies_are_joined_as_the_companion_joins_them() {
    for name in ["union", "base", "model", "pad", "tokens"] {
        let yaml = golden_text(&format!("tokenizer_{name}.yaml"));
        let (mut bed, items) = opened(["words", "words_a", "words_b"]);
        let plan = plan(&mut bed, config(&yaml, &items)).unwrap();
        let (hash, _, _) = written(&mut bed, &config(&yaml, &items));
        let config = Config::from_yaml(&yaml).unwrap();
        let joined = loaded(&config);
        assert_eq!(hash, expected(&config, &joined), "{name}");
        let union = joined.union.unwrap();
        let lines = std::iter::once(union.summary()).chain(union.report.iter().map(|it| union.describe(it)));
        assert!(plan.notes.len() > 1, "{name}: {:?}", plan.notes);
        for (note, line) in plan.notes.iter().zip(lines) {
            assert_eq!(note.to_lowercase(), format!("{line}.").to_lowercase(), "{name}");
        }
        // All models' tokens are held while they are joined, and that is planned.
        let texts: usize = union.vocabulary.iter().map(|(_, token)| token.text.len()).sum();
        assert!(union.memory_bytes() > (texts * union.models.len()) as u64, "{name}");
        assert!(plan.memory_bytes > union.memory_bytes(), "{name}");
        let disk = disk(&bed);
        let text = |name: &str| String::from_utf8(disk[name].clone()).unwrap();
        let foundation = config.models()[union.foundation];
        let own = golden_text(&format!("{}/tokenizer.json", foundation.model));
        assert_eq!(text("tokenizer.json"), union.tokenizer_json(&own).unwrap(), "{name}");
        let settings: Value = serde_json::from_str(&text("config.json")).unwrap();
        assert_eq!(settings["vocab_size"], union.vocabulary.rows(), "{name}");
        assert_eq!(
            folder_on(&bed).info("model.embed_tokens.weight").unwrap().shape[0],
            union.vocabulary.rows()
        );
    }
}

#[test]
fn what_cannot_be_put_in_is_a_sentence_with_its_line() {
    let (mut bed, mut items) = opened(["base", "a", "lora"]);
    let half =
        |yaml: &str| yaml.replace("\n  - model: inputs/base+inputs/lora\n    parameters: {weight: 0.5}", "");
    let yaml = half(&golden_text("lora.yaml"));
    let mut problem = |change: [&str; 2], items: &[ItemId]| {
        let problems = plan(&mut bed, config(&yaml.replace(change[0], change[1]), items)).unwrap_err();
        assert!(problems.len() == 1 && problems[0].starts_with("Line 5: "), "{problems:?}");
        problems[0].clone()
    };
    let said = problem(["+inputs/lora", "+inputs/dora"], &items);
    assert!(said.contains("`inputs/dora` is not open: open the adapter"), "{said}");
    let said = problem(["+inputs/lora", "+inputs/a"], &items);
    assert!(said.contains("`inputs/a` is no adapter"), "{said}");
    let said = problem(["inputs/a+inputs/lora", "inputs/lora"], &items);
    assert!(said.contains("`inputs/lora` is an adapter"), "{said}");
    let said = problem(["inputs/a", "inputs/b"], &items);
    assert!(said.contains("`inputs/b` is not open: open the model"), "{said}");
    // One tensor less than the adapter wants, and one of another shape.
    let change = |edit: &dyn Fn(&mut Tensors)| {
        let whole = ModelFolder::open(&goldens().join("inputs/a")).unwrap();
        let read = |info: &TensorInfo| (info.clone(), whole.read_bytes(&info.name).unwrap());
        let mut tensors: Tensors = whole.tensors().iter().map(read).collect();
        edit(&mut tensors);
        let changed = MemoryWeights::new("a", tensors).unwrap();
        let mut dropped = golden("a");
        dropped.insert("a/model.safetensors".into(), safetensors(&changed));
        dropped
    };
    let target = "model.layers.0.self_attn.q_proj.weight";
    let place = |tensors: &Tensors| tensors.iter().position(|(info, _)| info.name == target).unwrap();
    let lacking = change(&|tensors| drop(tensors.remove(place(tensors))));
    let reshaped = change(&|tensors| {
        let place = place(tensors);
        let elements = tensors[place].0.elements();
        tensors[place].0.shape = vec![elements];
    });
    for (dropped, expected) in
        [(lacking, "lacks; use the base"), (reshaped, "use the base that it was trained on")]
    {
        items[1] = open(&mut bed, dropped);
        let problems = plan(&mut bed, config(&yaml, &items)).unwrap_err();
        let said = &problems[0];
        assert!(said.starts_with("Line 5: "), "{said}");
        assert!(said.contains(target) && said.contains(expected), "{said}");
    }
    // A recipe has no place for one.
    let mut own = recipe();
    own.ability.model = "lora".into();
    let problems = plan(&mut bed, Merging::Recipe { items: items.clone(), recipe: own }).unwrap_err();
    assert!(
        problems.iter().any(|it| it.contains("`lora`, an adapter") && it.contains("+lora`")),
        "{problems:?}"
    );
    // Loading runs a model as it is.
    let (mismatches, _) = weigh(&mut bed, &[items[0], items[2]], None);
    assert!(
        mismatches.len() == 1 && !mismatches[0].fatal && mismatches[0].fix.contains("`base+lora`"),
        "{mismatches:?}"
    );
}

#[test]
fn no_adapter_that_would_be_applied_wrongly_is_opened() {
    let (mut bed, _) = opened([]);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut dropped = golden("lora");
        let file = dropped.get_mut("lora/adapter_config.json").unwrap();
        let mut config: Value = serde_json::from_slice(file).unwrap();
        change(&mut config);
        *file = config.to_string().into_bytes();
        dropped
    };
    let raw = |text: &[u8]| {
        let mut dropped = golden("lora");
        dropped.insert("lora/adapter_config.json".into(), text.to_vec());
        dropped
    };
    let without = |name: &str| {
        let mut dropped = golden("lora");
        dropped.remove(name).unwrap();
        dropped
    };
    let mut foreign = golden("lora");
    foreign.insert("lora/adapter_model.safetensors".into(), safetensors(&model(0)));
    let mut pickled = without("lora/adapter_model.safetensors");
    pickled.insert("lora/adapter_model.bin".into(), vec![0x80]);
    let deep = "[".repeat(100_000);
    let cases: [(Files, &str); 12] = [
        (with(&|config| config["peft_type"] = "IA3".into()), "peft_type is `IA3`"),
        (with(&|config| config["use_dora"] = true.into()), "`use_dora: true`"),
        (with(&|config| config["init_lora_weights"] = "pissa".into()), "`init_lora_weights: pissa`"),
        (with(&|config| config["r"] = 7.into()), "gives the rank 7"),
        (with(&|config| config["r"] = json!("8; rm")), "adapter_config.json cannot be read"),
        (with(&|config| config["rank_pattern"] = json!({"(": 2})), "rank_pattern has the key `(`"),
        (raw(b"{\"peft_type\": \"LORA\", \xff}"), "adapter_config.json cannot be read"),
        (raw(deep.as_bytes()), "levels"),
        (without("lora/adapter_config.json"), "it has no adapter_config.json"),
        (without("lora/adapter_model.safetensors"), "it has no adapter_model.safetensors"),
        (pickled, "a format that can run code"),
        (foreign, "is none that a LoRA adapter has"),
    ];
    for (dropped, expected) in cases {
        let said = failed(look_dropped(&mut bed, dropped));
        assert!(said.contains(expected) && said.lines().count() == 1, "{expected}: {said}");
    }
}

#[test]
fn a_new_file_puts_an_open_adapter_onto_the_base() {
    let (mut bed, items) = opened(["base", "lora"]);
    let reply = bed.ask(Request::Template { method: None, items: items.clone() });
    let maec_protocol::Reply::Config { yaml, .. } = reply else { panic!("{reply:?}") };
    assert!(yaml.contains("base+lora"), "{yaml}");
    plan(&mut bed, config(&yaml, &items)).unwrap();
}

#[test]
fn an_adapter_of_the_hub_is_fetched_for_the_merge_and_pinned_to_its_commit() {
    let plain = |name: &str| -> Files {
        golden(name).into_iter().map(|(path, bytes)| (path[name.len() + 1..].to_owned(), bytes)).collect()
    };
    let mut site = repository("org/a", &plain("a"));
    site.extend(repository("org/lora", &plain("lora")));
    let mut bed = bed(Files::new(), site);
    let base = open(&mut bed, golden("base"));
    let items = [base, open_remote(&mut bed, "org/a").id, open_remote(&mut bed, "org/lora").id];
    let local = golden_text("lora.yaml");
    let yaml = local
        .replace("inputs/a+inputs/lora", "org/a+org/lora@main")
        .replace("+inputs/lora", "+org/lora@main");
    let (hash, _, _) = written(&mut bed, &config(&yaml, &items));
    let local = Config::from_yaml(&local).unwrap();
    assert_eq!(hash, expected(&local, &loaded(&local)));
    let said = String::from_utf8(disk(&bed)["recipe.yaml"].clone()).unwrap();
    assert!(said.contains(&format!("org/a@{COMMIT}+org/lora@{COMMIT}")), "{said}");
}
