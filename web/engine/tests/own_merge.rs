//! Merges into files, held against the merge engine underneath.

mod common;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use common::merges::*;
use common::own::*;
use common::{Bed, Files, delta, model, recipe};
use maec_checkpoint::{MemoryWeights, Weights, model_hash};
use maec_merge::config::{ConfigJob, Loaded};
use maec_merge::engine::{Job, MemoryOutput, Pool, run, shards};
use maec_merge::folder::{FILES_KEY, is_ours};
use maec_protocol::{Destination, ItemId, Merging, Reply, Request};
use maec_recipe::mergekit::{Config, ModelName};
use maec_recipe::{MergeMethod, Recipe};
use serde_json::Value;

const TIES: &str = "
merge_method: ties
base_model: org/base
models:
  - {model: a, parameters: {weight: [0.2, 0.6], density: 0.4}}
  - {model: b, parameters: {weight: [{filter: mlp, value: 0.5}, {value: 0.25}]}}
";

/// An engine with a base and two models, and their numbers.
fn three() -> (Bed<false>, Vec<ItemId>) {
    let mut bed = bed(Files::new(), Files::new());
    let items = ["base", "a", "b"].into_iter().zip(0..);
    let items = items.map(|(name, trained)| open(&mut bed, folder(name, &model(trained)))).collect();
    (bed, items)
}

/// What the engine underneath makes of a mergekit file: files and hash.
fn expected(yaml: &str, metadata: &BTreeMap<String, String>) -> (Vec<(String, Vec<u8>)>, String) {
    let config = Config::from_yaml(yaml).unwrap();
    let of = |name: &ModelName| -> Arc<dyn Weights> {
        Arc::new(model(["org/base", "a", "b"].iter().position(|known| *known == name.model).unwrap() as u32))
    };
    let loaded: Vec<Loaded> = config
        .models()
        .into_iter()
        .map(|name| Loaded { name: name.clone(), weights: of(name), stored: of(name) })
        .collect();
    let mut job = ConfigJob::new(&config, &loaded).unwrap();
    let shards = shards(job.outputs(), SHARD, metadata).unwrap();
    let mut output = MemoryOutput::default();
    let hash =
        run(&mut job, &shards, &mut output, &Pool::new(2).unwrap(), &mut |_| ControlFlow::Continue(()));
    (output.files, hash.unwrap())
}

#[test]
fn a_mergekit_file_is_planned_and_written_to_the_byte() {
    let (mut bed, items) = three();
    for yaml in [TIES, &format!("{TIES}dialect: paper\n"), &TIES.replace("ties", "dare_linear")] {
        let merging = config(yaml, &items);
        let plan = plan(&mut bed, merging.clone()).unwrap();
        let (hash, files, bytes_read) = written(&mut bed, &merging);
        let folder = folder_on(&bed);
        let (weights, merged) = expected(yaml, &folder.metadata());
        assert_eq!((&hash, &hash), (&merged, &model_hash(&folder).unwrap()), "{yaml}");
        let disk = disk(&bed);
        assert!(weights.len() > 2);
        for (name, bytes) in &weights {
            assert_eq!(&disk[name], bytes, "{name}");
        }
        let lengths: Files = disk.clone();
        assert!(files.iter().all(|(name, length)| lengths[name].len() as u64 == *length));
        assert_eq!(files.len(), lengths.len());
        assert_eq!(plan.files.len(), weights.len());
        assert_eq!((plan.passes as u64 * 3 * bytes_of(&model(0)), plan.tensors), (plan.bytes_read, 20));
        // Fingerprints are read beside the passes; tiles whose statistics were taken may be kept for the merge.
        let each = 3 * bytes_of(&model(0));
        assert!((2 * each..=plan.bytes_read + each).contains(&bytes_read), "{bytes_read} {plan:?}");
        assert_eq!(bed.world.disk.0.open.get(), 0);
    }
}

fn bytes_of(weights: &dyn Weights) -> u64 {
    weights.tensors().iter().map(|info| info.bytes() as u64).sum()
}

#[test]
fn the_folder_says_what_was_merged() {
    let (mut bed, items) = three();
    let (hash, files, _) = written(&mut bed, &config(TIES, &items));
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["config.json", "tokenizer.json", "recipe.yaml", "README.md", "model.safetensors.index.json"]
    {
        assert!(names.contains(&name), "{names:?}");
    }
    let disk = disk(&bed);
    let text = |name: &str| String::from_utf8(disk[name].clone()).unwrap();
    assert!(text("README.md").contains(&hash) && text("README.md").contains("| org/base |"));
    assert_eq!(Config::from_yaml(&text("recipe.yaml")).unwrap(), Config::from_yaml(TIES).unwrap());
    let config: Value = serde_json::from_str(&text("config.json")).unwrap();
    assert_eq!(config["torch_dtype"], "bfloat16");
    let folder = folder_on(&bed);
    let metadata = folder.metadata();
    assert_eq!(Config::from_yaml(&metadata["maec_merge"]).unwrap(), Config::from_yaml(TIES).unwrap());
    let inputs: Value = serde_json::from_str(&metadata["maec_inputs"]).unwrap();
    assert_eq!(inputs[0]["fingerprint"], maec_checkpoint::fingerprint(&model(0)).unwrap());
    assert!(names.iter().all(|name| is_ours(&metadata, name)), "{}", metadata[FILES_KEY]);
}

#[test]
fn a_recipe_is_merged_as_the_cpu_executor_merges_it() {
    let mut bed = bed(Files::new(), Files::new());
    let base = open(&mut bed, folder("base", &model(0)));
    let deltas = [("a-l0", 1), ("l0", 2), ("es", 3)];
    let deltas = deltas.map(|(name, trained)| {
        open(&mut bed, files([(&format!("{name}.safetensors"), delta(&model(0), &model(trained)))]))
    });
    let items: Vec<ItemId> = [base].into_iter().chain(deltas).collect();
    let pack = open(&mut bed, pack_below("tiny"));
    let vector = Recipe { merge_method: MergeMethod::TaskVector, ..recipe() };
    for (items, recipe) in [(items.clone(), recipe()), (items, vector), (vec![pack], recipe())] {
        let merging = Merging::Recipe { items, recipe: recipe.clone() };
        let plan = plan(&mut bed, merging.clone()).unwrap();
        assert_eq!((plan.tensors, plan.passes), (20, 2));
        let (hash, _, _) = written(&mut bed, &merging);
        let expected = merged(&recipe);
        assert_eq!(hash, model_hash(&expected).unwrap());
        assert_eq!(hash, model_hash(&folder_on(&bed)).unwrap());
        assert!(disk(&bed).contains_key("config.json"));
    }
}

#[test]
fn every_problem_is_a_sentence() {
    let (mut bed, items) = three();
    let mut problems = |yaml: &str, items: &[ItemId]| plan(&mut bed, config(yaml, items)).unwrap_err();
    let all = problems(TIES, &items[..1]);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[0].contains("`a` is not open"), "{all:?}");
    assert!(problems(&TIES.replace("ties", "tise"), &items)[0].contains("`ties`"));
    assert!(problems(&TIES.replace("density", "densty"), &items)[0].contains("`density`"));
    assert!(problems(&TIES.replace("filter: mlp", "filter: mpl"), &items)[0].contains("matches no tensor"));
    assert!(problems("merge_method: [", &items)[0].ends_with('.'));
    assert!(problems(&format!("{TIES}chat_template: chatml\n"), &items)[0].contains("template"));
    for sentence in problems(&TIES.replace("density: 0.4", "density: 4"), &items) {
        assert!(sentence.ends_with('.') && sentence.contains("density"), "{sentence}");
    }
    let recipe = Merging::Recipe { items: items[..1].to_vec(), recipe: recipe() };
    assert_eq!(plan(&mut bed, recipe.clone()).unwrap_err().len(), 3);
    assert!(
        failed(bed.ask(Request::Write {
            merging: recipe,
            shard_bytes: 1,
            destination: Destination::Private
        }))
        .contains("The plan names 2 more.")
    );
}

#[test]
fn a_cancelled_or_failed_merge_leaves_nothing() {
    let (mut bed, items) = three();
    let merging = config(TIES, &items);
    let whole = write_to(&mut bed, &merging, Destination::Folder);
    let label = |reply: &Reply| match reply {
        Reply::Progress { label, done, total, .. } => Some((label.clone(), done <= total)),
        _ => None,
    };
    let labels: Vec<_> = whole.iter().filter_map(label).collect();
    assert!(labels.iter().any(|(label, fits)| label == "Merging" && *fits), "{labels:?}");
    bed.world.disk.0.files.borrow_mut().clear();
    // At every pause there is.
    for pause in 1.. {
        bed.world.cancel.set(Some((bed.next_id(), bed.world.pauses.get() + pause)));
        match write_to(&mut bed, &merging, Destination::Folder).pop() {
            Some(Reply::Cancelled) => assert_eq!(disk(&bed), Files::new()),
            Some(Reply::Written { .. }) => break,
            other => panic!("{other:?}"),
        }
        assert_eq!(bed.world.disk.0.open.get(), 0);
    }
    bed.world.cancel.set(None);
    bed.world.disk.0.files.borrow_mut().clear();
    for room in [0, 100, 5000, 9000] {
        bed.world.disk.0.room.set(Some(room));
        let reply = write_to(&mut bed, &merging, Destination::Folder).pop().unwrap();
        assert!(failed(reply).contains("The disk is full."));
        assert_eq!((disk(&bed), bed.world.disk.0.open.get()), (Files::new(), 0));
    }
}

#[test]
fn another_s_files_are_left_alone_and_earlier_merges_replaced() {
    let (mut bed, items) = three();
    let merging = config(TIES, &items);
    let thesis = || ("thesis.txt".to_owned(), b"mine".to_vec());
    bed.world.disk.0.files.borrow_mut().extend([thesis(), ("config.json".into(), b"{}".to_vec())]);
    let before = disk(&bed);
    let reply = write_to(&mut bed, &merging, Destination::Folder).pop().unwrap();
    assert!(failed(reply).contains("`config.json` that no merge of the studio wrote"));
    assert_eq!(disk(&bed), before);
    // An empty one was left by a page that closed.
    bed.world.disk.0.files.borrow_mut().insert("config.json".into(), Vec::new());
    let hash = |reply: Option<Reply>| match reply {
        Some(Reply::Written { hash, .. }) => hash,
        other => panic!("{other:?}"),
    };
    let first = hash(write_to(&mut bed, &merging, Destination::Folder).pop());
    let earlier = disk(&bed);
    bed.world.disk.0.room.set(Some(4000));
    failed(write_to(&mut bed, &merging, Destination::Folder).pop().unwrap());
    assert_eq!(disk(&bed), earlier);
    bed.world.disk.0.room.set(None);
    let other = config(&TIES.replace("0.4", "0.9"), &items);
    assert_ne!(hash(write_to(&mut bed, &other, Destination::Folder).pop()), first);
    assert_eq!(disk(&bed)["thesis.txt"], b"mine");
}

#[test]
fn templates_are_plans_of_their_own() {
    let (mut bed, items) = three();
    let mut ask = |request| match bed.ask(request) {
        Reply::Config { yaml, methods } => (yaml, methods),
        other => panic!("{other:?}"),
    };
    let (yaml, methods) = ask(Request::Template { method: None, items: items.clone() });
    let templates: Vec<String> = methods
        .iter()
        .map(|it| ask(Request::Template { method: Some(it.name.clone()), items: items.clone() }).0)
        .collect();
    let (changed, _) =
        ask(Request::Filter { yaml, filter: "layers.1.".into(), parameter: "weight".into(), value: 0.0 });
    assert!(methods.len() > 15);
    for yaml in templates.iter().chain([&changed]) {
        plan(&mut bed, config(yaml, &items)).unwrap_or_else(|problems| panic!("{yaml}: {problems:?}"));
    }
    written(&mut bed, &config(&changed, &items));
    let folder = folder_on(&bed);
    let same = |name: &str| folder.read_bytes(name).unwrap() == model(0).read_bytes(name).unwrap();
    assert!(same("model.layers.1.mlp.up_proj.weight") && !same("model.layers.0.mlp.up_proj.weight"));
}

#[test]
fn a_dropped_mergekit_file_is_an_item() {
    let mut bed = bed(Files::new(), Files::new());
    let reply = look_dropped(&mut bed, files([("ties.yaml", TIES.as_bytes().to_vec())]));
    match item(reply).kind {
        maec_protocol::ItemKind::Config { yaml, models } => {
            assert_eq!((yaml.as_str(), models), (TIES, ["org/base", "a", "b"].map(str::to_owned).to_vec()));
        }
        other => panic!("{other:?}"),
    }
    let broken = look_dropped(&mut bed, files([("ties.yaml", b"merge_method: ties\nmodel: [a]".to_vec())]));
    let said = failed(broken);
    assert!(said.contains("`ties.yaml`") && said.contains("line 2"), "{said}");
}

#[test]
fn a_look_inside_is_the_libraries_look() {
    let (mut bed, items) = three();
    let reply = bed.ask(Request::Inspect { base: Some(items[0]), items: items[1..].to_vec() });
    let Reply::Inspected { maps, tensors } = reply else { panic!("{reply:?}") };
    let named = |name: &str, weights: MemoryWeights| (name.to_owned(), Arc::new(weights) as Arc<dyn Weights>);
    let models = [named("a", model(1)), named("b", model(2))];
    let base = named("base", model(0));
    let go_on = &mut |_: maec_merge::Progress<'_>| ControlFlow::Continue(());
    let found = maec_merge::inspect::inspect(&models, Some(&base), &Pool::new(2).unwrap(), go_on).unwrap();
    assert_eq!(tensors.len(), found.tensors.len());
    for (look, report) in tensors.iter().zip(&found.tensors) {
        let comparison = report.stats.comparison.as_ref().unwrap();
        assert_eq!((&look.name, &look.cosine), (&report.name, &comparison.cosine));
        assert_eq!(look.histograms[1].positive, comparison.deltas[1].histogram.positive);
        assert_eq!(look.table[0], ["", "base", "a", "b"]);
        assert!(look.table.iter().all(|row| row.len() == 4), "{:?}", look.table);
    }
    let relative = maps.iter().find(|map| map.title == "‖δ‖ / ‖base‖" && map.model == "b").unwrap();
    assert_eq!(
        (relative.layers.as_slice(), relative.kinds.len(), relative.outside.len()),
        (&[0, 1][..], 9, 2)
    );
    assert!(relative.cells.iter().flatten().all(|cell| cell.is_some_and(|value| value > 0.0)));
    // Alone, a delta has nothing to be looked at.
    let lonely = open(&mut bed, files([("x.safetensors", delta(&model(0), &model(3)))]));
    assert!(failed(bed.ask(Request::Inspect { base: None, items: vec![lonely] })).contains("base"));
    let reply = bed.ask(Request::Inspect { base: Some(items[0]), items: vec![lonely] });
    let Reply::Inspected { tensors, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(tensors[0].table[0], ["", "base", "x"]);
}
