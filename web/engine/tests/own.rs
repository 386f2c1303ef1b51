//! What people bring: looked at, weighed, loaded and asked, held against the libraries underneath.

mod common;

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

use burn::tensor::Device;
use common::web::{COMMIT, repository};
use common::{Bed, Files, URL, World, config, delta, model, pack, recipe, safetensors, tokenizer};
use maec_checkpoint::{Dtype, MemoryWeights, TensorInfo, Weights};
use maec_merge::{Inputs, merge_to_memory};
use maec_model::{Decoder, Generator, ModelConfig, Stop, WordTokenizer};
use maec_protocol::{Cost, Item, ItemId, ItemKind, Mismatch, ModelCard, Place, Reply, Request, StopReason};
use maec_recipe::{MergeMethod, OutDtype, Parameters, Recipe};
use maec_tokenizer::Tokenizer;
use pollster::block_on;
use serde_json::json;

/// An engine that has started, with dropped files and a site.
fn bed(dropped: Files, site: Files) -> Bed<false> {
    let world = World { dropped: RefCell::new(dropped), files: RefCell::new(site), ..World::default() };
    Bed::with(world)
}

/// The pack's files below a folder of the given name.
fn pack_below(folder: &str) -> Files {
    pack().into_iter().map(|(url, bytes)| (url.replace(URL, &format!("{folder}/")), bytes)).collect()
}

/// A model's folder.
fn folder(name: &str, weights: &dyn Weights) -> Files {
    Files::from([
        (format!("{name}/config.json"), config().to_string().into_bytes()),
        (format!("{name}/model.safetensors"), safetensors(weights)),
        (format!("{name}/tokenizer.json"), tokenizer().to_string().into_bytes()),
        (format!("{name}/.git/config"), b"hidden".to_vec()),
    ])
}

/// Files one beside the other, without folder.
fn files<const N: usize>(files: [(&str, Vec<u8>); N]) -> Files {
    files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

/// Looks at what was dropped.
fn look_dropped(bed: &mut Bed<false>, dropped: Files) -> Reply {
    let names = dropped.keys().cloned().collect();
    bed.world.dropped.replace(dropped);
    bed.ask(Request::Look { place: Place::Files { names } })
}

fn item(reply: Reply) -> Item {
    match reply {
        Reply::Looked { item } => item,
        other => panic!("{other:?}"),
    }
}

fn card(item: &Item) -> &ModelCard {
    match &item.kind {
        ItemKind::Model(card) => card,
        other => panic!("{other:?}"),
    }
}

fn open(bed: &mut Bed<false>, dropped: Files) -> ItemId {
    item(look_dropped(bed, dropped)).id
}

fn open_remote(bed: &mut Bed<false>, name: &str) -> Item {
    item(bed.ask(Request::Look { place: Place::Remote { name: name.into() } }))
}

fn failed(reply: Reply) -> String {
    match reply {
        Reply::Failed { message, hint, gpu_unusable: false } => {
            format!("{message} {}", hint.unwrap_or_default())
        }
        other => panic!("{other:?}"),
    }
}

fn weigh(bed: &mut Bed<false>, items: &[ItemId], recipe: Option<Recipe>) -> (Vec<Mismatch>, Cost) {
    match bed.ask(Request::Weigh { items: items.to_vec(), recipe }) {
        Reply::Weighed { mismatches, cost } => (mismatches, cost),
        other => panic!("{other:?}"),
    }
}

/// The tensors that the merge of a load changed.
fn load(bed: &mut Bed<false>, items: &[ItemId], recipe: Option<Recipe>) -> u32 {
    match bed.ask(Request::Load { items: items.to_vec(), recipe }) {
        Reply::OwnLoaded { merged_tensors, .. } => merged_tensors,
        other => panic!("{other:?}"),
    }
}

/// The text that the loaded model writes.
fn write(bed: &mut Bed<false>, prompt: &str, chat: bool) -> String {
    let replies = bed.ask_all(Request::GenerateOwn { prompt: prompt.into(), chat, max_new_tokens: 9 });
    let Some((Reply::Generated { .. }, _)) = replies.last() else { panic!("{replies:?}") };
    let pieces = replies.iter().filter_map(|(reply, _)| match reply {
        Reply::Token { text } => Some(text.as_str()),
        _ => None,
    });
    pieces.collect()
}

/// The text that a model of these weights writes.
fn written_by(weights: &dyn Weights, prompt: &str) -> String {
    written_after(weights, words().encode(prompt))
}

fn words() -> WordTokenizer {
    WordTokenizer::from_json(&tokenizer().to_string()).unwrap()
}

/// The text that a model of these weights writes after some tokens.
fn written_after(weights: &dyn Weights, ids: Vec<u32>) -> String {
    let config = ModelConfig::from_json(&config().to_string()).unwrap();
    let model = Decoder::load(config, weights, &Device::flex()).unwrap();
    let stop = Stop { tokens: vec![3], max_new_tokens: 9 };
    let outputs = block_on(Generator::new(&model, &[ids], stop).run()).unwrap();
    words().decode(&outputs[0].tokens)
}

/// What the CPU executor makes of a recipe over the tiny models.
fn merged(recipe: &Recipe) -> MemoryWeights {
    let (base, ability, reference, es) = (model(0), model(1), model(2), model(3));
    let inputs = Inputs { base: &base, ability: &ability, reference: &reference, languages: vec![&es] };
    let go_on = &mut |_: maec_merge::Progress<'_>| ControlFlow::Continue(());
    merge_to_memory(&inputs, recipe, &maec_merge::Options::default(), go_on).unwrap().0
}

/// Prompts whose answers tell models apart.
const PROMPTS: [&str; 4] = ["Tom has 1", "how many ?", "2 3 4", "has has Tom :"];

#[test]
fn a_models_card_is_what_its_headers_say() {
    let mut bed = bed(Files::new(), Files::new());
    let item = item(look_dropped(&mut bed, folder("tiny", &model(0))));
    let parameters = 256 + 16 + 2 * (32 + 3 * 384 + 2 * 128 + 2 * 256);
    assert_eq!((item.id, item.title.as_str(), item.bytes_to_fetch), (1, "tiny", 0));
    let expected = ModelCard {
        architecture: "Llama".into(),
        parameters,
        dtypes: vec![("BF16".into(), 20)],
        tensors: 20,
        shards: 1,
        bytes: 2 * parameters,
        vocabulary: 16,
        tied: true,
        positions: 32,
        tokenizer: "WordLevel with 16 tokens".into(),
        chat: false,
        obstacle: None,
    };
    assert_eq!(*card(&item), expected);
}

#[test]
fn weights_may_have_any_name_beside_their_config() {
    let mut bed = bed(Files::new(), Files::new());
    let config = || config().to_string().into_bytes();
    let dropped = files([
        ("config.json", config()),
        ("tiny-final.safetensors", safetensors(&model(0))),
        ("tokenizer.json", tokenizer().to_string().into_bytes()),
        ("tokenizer_config.json", br#"{"chat_template": "{{ messages }}"}"#.to_vec()),
    ]);
    let id = item(look_dropped(&mut bed, dropped));
    assert!(card(&id).chat && card(&id).tensors == 20);
    assert_eq!(load(&mut bed, &[id.id], None), 0);
    assert_eq!(write(&mut bed, PROMPTS[0], false), written_by(&model(0), PROMPTS[0]));
    // The template writes the start token itself.
    let ids = Tokenizer::encode(&words(), "<s> how </s>", false).unwrap();
    assert_eq!(ids[0], 2);
    assert_eq!(write(&mut bed, "how", true), written_after(&model(0), ids));
    let request =
        |prompt: &str| Request::GenerateOwn { prompt: prompt.into(), chat: true, max_new_tokens: 1 };
    assert!(failed(bed.ask(request("!"))).contains("The chat template cannot be used: no."));
    // Alone, no one knows what they are.
    let reply = look_dropped(&mut bed, files([("tiny-final.safetensors", safetensors(&model(0)))]));
    assert!(failed(reply).contains("Drop the model's whole folder"));
}

#[test]
fn deltas_packs_and_recipes_are_known_by_their_contents() {
    let mut bed = bed(Files::new(), Files::new());
    let found = item(look_dropped(&mut bed, files([("es.safetensors", delta(&model(0), &model(3)))])));
    let ItemKind::Delta(card) = &found.kind else { panic!("{found:?}") };
    assert_eq!((card.name.as_str(), card.tensors), ("es", 20));
    assert_eq!(card.base, maec_checkpoint::fingerprint(&model(0)).unwrap()[..16]);
    let changed: usize = model(3)
        .tensors()
        .iter()
        .map(|info| {
            let read = |model: MemoryWeights| model.read_f32(&info.name).unwrap();
            read(model(0)).iter().zip(read(model(3))).filter(|(a, b)| **a != *b).count()
        })
        .sum();
    assert_eq!(card.changed, changed as u64);

    let found = item(look_dropped(&mut bed, pack_below("world/tiny")));
    assert_eq!(found.title, "tiny");
    let ItemKind::Pack { title, base, deltas, recipe: own, .. } = &found.kind else { panic!("{found:?}") };
    assert_eq!((title.as_str(), base.tensors, own), ("Tiny", 20, &recipe()));
    let names: Vec<&str> = deltas.iter().map(|delta| delta.name.as_str()).collect();
    assert_eq!(names, ["a-l0", "l0", "es"]);

    let yaml = "version: 1\nmerge_method: maec\nbase_model: tiny/base\nability: {model: a-l0}\n\
                reference: {model: l0}\nlanguages: [{name: es, model: es, weight: 0.45}]\n\
                parameters: {k2: 0.5, gamma: 1.2}\n";
    for (name, text) in [("r.json", recipe().to_json()), ("r.yaml", yaml.to_owned())] {
        let found = item(look_dropped(&mut bed, files([(name, text.into_bytes())])));
        assert_eq!(found.kind, ItemKind::Recipe { recipe: recipe() });
    }
}

#[test]
fn what_cannot_be_opened_says_what_to_do() {
    let weights = || safetensors(&model(0));
    let empty = || b"{}".to_vec();
    let cases: [(Files, &str); 10] = [
        (Files::new(), "Choose a model's folder"),
        (files([("notes.txt", vec![1])]), "is no model, delta, pack or recipe"),
        (files([("config.json", empty()), ("pytorch_model.bin", vec![1])]), "safe_serialization=True"),
        (files([("tiny.gguf", vec![1])]), "Open the safetensors"),
        (
            files([
                ("adapter_config.json", empty()),
                ("adapter_model.safetensors", weights()),
                ("x.safetensors", weights()),
            ]),
            "merge_and_unload",
        ),
        (files([("a.safetensors", weights()), ("b.safetensors", weights())]), "Open deltas one at a time"),
        (
            files([("config.json", empty()), ("a.safetensors", weights()), ("b.safetensors", weights())]),
            "no model.safetensors.index.json",
        ),
        (files([("config.json", empty()), ("README.md", vec![])]), "no weights"),
        (
            files([("a/config.json", empty()), ("b/config.json", empty())]),
            "one model's or pack's folder at a time",
        ),
        (files([("r.json", br#"{"version": 1}"#.to_vec())]), "`r.json` is not a recipe"),
    ];
    let mut bed = bed(Files::new(), Files::new());
    for (dropped, expected) in cases {
        let names: Vec<_> = dropped.keys().cloned().collect();
        let message = failed(look_dropped(&mut bed, dropped));
        assert!(message.contains(expected), "{names:?}: {message}");
    }
    let broken = look_dropped(&mut bed, files([("x.safetensors", weights()[..100].to_vec())]));
    assert!(failed(broken).contains("x.safetensors"));
}

#[test]
fn what_the_engine_cannot_run_is_said_before_loading() {
    let mut bed = bed(Files::new(), Files::new());
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut dropped = folder("tiny", &model(0));
        let mut json = config();
        change(&mut json);
        dropped.insert("tiny/config.json".into(), json.to_string().into_bytes());
        dropped
    };
    let mut obstacle = |dropped: Files| {
        let id = item(look_dropped(&mut bed, dropped));
        let (_, cost) = weigh(&mut bed, &[id.id], None);
        let said = cost.obstacle.expect("an obstacle");
        assert!(failed(bed.ask(Request::Load { items: vec![id.id], recipe: None })).contains(&said));
        said
    };
    let said = obstacle(with(&|json| json["model_type"] = "mamba".into()));
    assert!(said.contains("model_type") && said.contains("mamba"), "{said}");
    let said = obstacle(with(&|json| json["num_hidden_layers"] = 3.into()));
    assert!(said.contains("model.layers.2."), "{said}");
    let said = obstacle(with(&|json| json["intermediate_size"] = 25.into()));
    assert!(said.contains("[24, 16]") && said.contains("[25, 16]"), "{said}");
    let mut mute = folder("tiny", &model(0));
    mute.remove("tiny/tokenizer.json");
    assert!(obstacle(mute).contains("there is no tokenizer.json"));

    let world = World { memory: Cell::new(Some(10_000)), ..World::default() };
    let mut small = Bed::<false>::with(world);
    let id = open(&mut small, folder("tiny", &model(0)));
    assert!(weigh(&mut small, &[id], None).1.obstacle.expect("an obstacle").contains("of memory"));
}

#[test]
fn the_cost_is_counted_from_headers() {
    let mut bed = bed(Files::new(), Files::new());
    let id = open(&mut bed, pack_below("tiny"));
    let (mismatches, cost) = weigh(&mut bed, &[id], Some(recipe()));
    assert_eq!(mismatches, []);
    let parameters = model(0).tensors().iter().map(|info| info.elements() as u64).sum::<u64>();
    assert_eq!((cost.fetch_bytes, cost.cached_bytes), (0, 0));
    assert_eq!(cost.device_bytes, 4 * parameters);
    // Keys and values, 2 layers, 32 positions, 1 head of 8, f32.
    assert_eq!(cost.cache_bytes, 2 * 2 * 32 * 8 * 4);
    assert!(cost.seconds > 0.0 && cost.storage_free == Some(1 << 30) && cost.obstacle.is_none());
}

#[test]
fn what_does_not_fit_is_found_before_anything_moves() {
    let mut bed = bed(Files::new(), Files::new());
    let base = open(&mut bed, folder("base", &model(0)));
    let only = |found: Vec<Mismatch>| match found.as_slice() {
        [one] => (one.item.clone(), format!("{} {}", one.what, one.fix), one.fatal),
        other => panic!("{other:?}"),
    };

    // A delta onto another base of the same shape.
    let foreign = open(&mut bed, files([("es.safetensors", delta(&model(2), &model(3)))]));
    let (name, said, fatal) = only(weigh(&mut bed, &[base, foreign], None).0);
    assert!(name == "es" && fatal && said.contains("It belongs to the base"), "{said}");
    let expected = maec_checkpoint::fingerprint(&model(2)).unwrap();
    assert!(said.contains(&expected[..16]), "{said}");

    // A recipe whose models are not open, and one whose pattern says nothing.
    let (found, cost) = weigh(&mut bed, &[base], Some(recipe()));
    assert_eq!(found.iter().filter(|mismatch| mismatch.fatal).count(), 3, "{found:?}");
    assert!(found[0].what.contains("`a-l0`") && cost.obstacle.is_some());
    let id = open(&mut bed, pack_below("tiny"));
    let mut odd = recipe();
    odd.select.include = vec!["*.lm_head.*".into()];
    let (_, said, fatal) = only(weigh(&mut bed, &[id], Some(odd.clone())).0);
    assert!(fatal && said.contains("`*.lm_head.*`"), "{said}");
    assert!(failed(bed.ask(Request::Load { items: vec![id], recipe: Some(odd) })).contains("lm_head"));

    // A delta of the pack's name beside the pack.
    let twin = open(&mut bed, files([("es.safetensors", delta(&model(0), &model(3)))]));
    let (_, said, _) = only(weigh(&mut bed, &[id, twin], Some(recipe())).0);
    assert!(said.contains("2 open items have this name"), "{said}");

    // A delta cannot stand alone, and a tokenizer cannot know more words than the embedding.
    let (_, said, fatal) = only(weigh(&mut bed, &[twin], None).0);
    assert!(fatal && said.contains("Open the base model"), "{said}");
    let mut wordy = tokenizer();
    wordy["model"]["vocab"]["elephants"] = 16.into();
    let mut dropped = folder("wordy", &model(0));
    dropped.insert("wordy/tokenizer.json".into(), wordy.to_string().into_bytes());
    let id = open(&mut bed, dropped);
    let (_, said, fatal) = only(weigh(&mut bed, &[id], None).0);
    assert!(fatal && said.contains("17 tokens") && said.contains("16 rows"), "{said}");

    // Another model with a tensor less.
    let mut fewer: Vec<_> = model(1).tensors().to_vec();
    fewer.pop();
    let fewer = fewer.into_iter().map(|info| (info.clone(), model(1).read_bytes(&info.name).unwrap()));
    let other = MemoryWeights::new("fewer", fewer.collect()).unwrap();
    let other = open(&mut bed, folder("other", &other));
    let (found, _) = weigh(&mut bed, &[base, other], None);
    assert!(
        found.iter().any(|found| found.item == "other" && found.fatal && found.what.contains("lacks 1")),
        "{found:?}"
    );
    assert!(failed(bed.ask(Request::Weigh { items: vec![99], recipe: None })).contains("no item 99"));
}

#[test]
fn a_pack_is_merged_as_the_cpu_executor_merges_it() {
    let vector = Recipe {
        merge_method: MergeMethod::TaskVector,
        parameters: Parameters { lambda: 0.4, ..Parameters::default() },
        ..recipe()
    };
    let wide = Recipe { out_dtype: Some(OutDtype::Float32), ..recipe() };
    let none = Recipe {
        parameters: Parameters { gamma: 0.0, eta: 0.0, k2: 1.0, ..Parameters::default() },
        ..recipe()
    };
    let mut bed = bed(Files::new(), Files::new());
    let id = open(&mut bed, pack_below("tiny"));
    for (recipe, changed) in [(recipe(), 20), (vector, 20), (wide, 20), (none, 0)] {
        assert_eq!(load(&mut bed, &[id], Some(recipe.clone())), changed);
        for prompt in PROMPTS {
            assert_eq!(write(&mut bed, prompt, false), written_by(&merged(&recipe), prompt), "{recipe:?}");
        }
    }
    assert_ne!(
        PROMPTS.map(|prompt| written_by(&merged(&recipe()), prompt)),
        PROMPTS.map(|prompt| written_by(&model(0), prompt))
    );
}

#[test]
fn a_base_with_loose_deltas_and_models_is_merged_too() {
    let mut bed = bed(Files::new(), Files::new());
    let base = open(&mut bed, folder("base", &model(0)));
    let ability = open(&mut bed, files([("run7.safetensors", delta(&model(0), &model(1)))]));
    let reference = open(&mut bed, files([("l0.safetensors", delta(&model(0), &model(2)))]));
    let es = open(&mut bed, folder("es", &model(3)));
    // Names as they were where the recipe was written.
    let mut named = recipe();
    named.ability.model = "runs/run7.safetensors".into();
    named.reference.model = "out/l0.safetensors".into();
    named.languages[0].model = "models/es".into();
    let items = [base, ability, reference, es];
    assert_eq!(weigh(&mut bed, &items, Some(named.clone())).0, []);
    assert_eq!(load(&mut bed, &items, Some(named)), 20);
    for prompt in PROMPTS {
        assert_eq!(write(&mut bed, prompt, false), written_by(&merged(&recipe()), prompt));
    }
    assert_eq!(load(&mut bed, &items, None), 0);
    assert_eq!(write(&mut bed, PROMPTS[0], false), written_by(&model(0), PROMPTS[0]));
}

#[test]
fn a_changed_file_of_a_pack_is_refused_at_loading() {
    let mut bed = bed(Files::new(), Files::new());
    let mut dropped = pack_below("tiny");
    // The last byte of the values: no header, and no block that the fingerprint sees, tells of it.
    *dropped.get_mut("tiny/es.safetensors").unwrap().last_mut().unwrap() ^= 1;
    let id = open(&mut bed, dropped);
    let message = failed(bed.ask(Request::Load { items: vec![id], recipe: Some(recipe()) }));
    assert!(message.contains("`es.safetensors`") && message.contains("SHA-256"), "{message}");
    assert!(
        failed(bed.ask(Request::GenerateOwn { prompt: "Tom".into(), chat: false, max_new_tokens: 1 }))
            .contains("No model is loaded.")
    );
    // The base alone is what it says, and stays when a merge fails.
    assert_eq!(load(&mut bed, &[id], None), 0);
    failed(bed.ask(Request::Load { items: vec![id], recipe: Some(recipe()) }));
    assert_eq!(write(&mut bed, PROMPTS[0], false), written_by(&model(0), PROMPTS[0]));
}

/// A model of 2.7 MB, so that its header is a small part of it.
fn wide() -> (serde_json::Value, MemoryWeights) {
    let mut json = config();
    json["hidden_size"] = 256.into();
    json["intermediate_size"] = 512.into();
    json["num_attention_heads"] = 8.into();
    json["num_key_value_heads"] = 8.into();
    json["head_dim"] = 32.into();
    let config = ModelConfig::from_json(&json.to_string()).unwrap();
    let tensors = config.tensors().into_iter().map(|(name, shape)| {
        let count: usize = shape.iter().product();
        // Small numbers in bf16: the high byte's sign and exponent, and a low byte that varies.
        let bytes = (0..count).flat_map(|i| [(i * 37 % 256) as u8, if i % 3 == 0 { 0xbc } else { 0x3c }]);
        (TensorInfo { name, dtype: Dtype::BF16, shape }, bytes.collect())
    });
    (json, MemoryWeights::new("wide", tensors.collect()).unwrap())
}

fn wide_site() -> Files {
    let (config, weights) = wide();
    let files = files([
        ("config.json", config.to_string().into_bytes()),
        ("model.safetensors", safetensors(&weights)),
        ("tokenizer.json", tokenizer().to_string().into_bytes()),
        ("generation_config.json", json!({"eos_token_id": [3, 5]}).to_string().into_bytes()),
        ("pytorch_model.bin", vec![0; 100]),
    ]);
    repository("org/wide", &files)
}

#[test]
fn a_model_of_the_hub_moves_nothing_large_before_it_is_loaded() {
    let mut bed = bed(Files::new(), wide_site());
    let found = open_remote(&mut bed, "org/wide");
    let (_, weights) = wide();
    let large = safetensors(&weights).len() as u64;
    assert_eq!(found.title, format!("org/wide@{COMMIT}"));
    assert!(found.bytes_to_fetch < large && found.bytes_to_fetch > large * 8 / 10);
    let looked = bed.world.served.get();
    assert!(looked < large / 4, "{looked} of {large}");
    let (mismatches, cost) = weigh(&mut bed, &[found.id], None);
    assert_eq!((mismatches, cost.obstacle), (vec![], None));
    assert_eq!(cost.fetch_bytes, found.bytes_to_fetch);
    assert_eq!(cost.fetch_bytes + cost.cached_bytes, large);
    assert_eq!(bed.world.served.get(), looked, "weighing moves nothing");
    // A recipe's branch is whatever is open; a commit is not.
    let mut named = Recipe { base_model: "elsewhere".into(), languages: vec![], ..recipe() };
    named.ability.model = "org/wide@main".into();
    named.reference.model = format!("org/wide@{COMMIT}");
    assert_eq!(weigh(&mut bed, &[found.id], Some(named.clone())).0, vec![]);
    named.ability.model = format!("org/wide@{}", COMMIT.replace('0', "f"));
    let (mismatches, cost) = weigh(&mut bed, &[found.id], Some(named));
    assert!(mismatches.len() == 1 && cost.obstacle.is_some(), "{mismatches:?}");

    let replies = bed.ask_all(Request::Load { items: vec![found.id], recipe: None });
    assert!(matches!(replies.last(), Some((Reply::OwnLoaded { .. }, _))), "{replies:?}");
    let labels: Vec<&str> = replies
        .iter()
        .filter_map(|(reply, _)| match reply {
            Reply::Progress { label, done, total } => {
                assert!(done <= total, "{label}: {done} of {total}");
                Some(label.as_str())
            }
            _ => None,
        })
        .collect();
    assert!(
        labels.iter().any(|label| label.starts_with("Fetching org/wide@01234567/model.safetensors")),
        "{labels:?}"
    );
    assert!(labels.contains(&"Loading"), "{labels:?}");
    assert!(bed.world.served.get() < looked + large, "no byte comes twice");
    assert!(matches!(
        bed.ask(Request::GenerateOwn { prompt: "Tom".into(), chat: false, max_new_tokens: 2 }),
        Reply::Generated { .. }
    ));
    // Another engine with the same cache fetches nothing.
    let served = bed.world.served.get();
    let found = open_remote(&mut bed, &format!("org/wide@{COMMIT}"));
    assert_eq!(found.bytes_to_fetch, 0);
    load(&mut bed, &[found.id], None);
    assert_eq!(bed.world.served.get(), served);
}

#[test]
fn a_fetch_that_is_cancelled_goes_on_later() {
    let mut bed = bed(Files::new(), wide_site());
    let found = open_remote(&mut bed, "org/wide");
    bed.world.cancel.set(Some((bed.next_id(), bed.world.pauses.get() + 60)));
    assert_eq!(bed.ask(Request::Load { items: vec![found.id], recipe: None }), Reply::Cancelled);
    bed.world.cancel.set(None);
    let (_, cost) = weigh(&mut bed, &[found.id], None);
    assert!(cost.fetch_bytes > 0 && cost.fetch_bytes < found.bytes_to_fetch, "{cost:?}");
    let before = bed.world.served.get();
    load(&mut bed, &[found.id], None);
    assert_eq!(bed.world.served.get() - before, cost.fetch_bytes);
}

#[test]
fn names_that_are_none_and_repositories_that_are_not_there_are_said() {
    let mut bed = bed(Files::new(), wide_site());
    for name in ["no name", "org/absent", "org/wide@nowhere"] {
        let reply = bed.ask(Request::Look { place: Place::Remote { name: name.into() } });
        assert!(failed(reply).len() > 20, "{name}");
    }
}

#[test]
fn loading_can_be_cancelled_between_tensors() {
    let mut bed = bed(Files::new(), Files::new());
    let id = open(&mut bed, pack_below("tiny"));
    let replies = bed.ask_all(Request::Load { items: vec![id], recipe: Some(recipe()) });
    let of = |label: &str| {
        let labels = replies
            .iter()
            .filter(|(reply, _)| matches!(reply, Reply::Progress { label: own, .. } if own == label));
        labels.count()
    };
    assert!(of("Checking the pack") > 1 && of("Comparing tensors") > 10 && of("Merging") > 10, "{replies:?}");
    for pauses in [3, 20, 40] {
        bed.world.cancel.set(Some((bed.next_id(), bed.world.pauses.get() + pauses)));
        assert_eq!(bed.ask(Request::Load { items: vec![id], recipe: Some(recipe()) }), Reply::Cancelled);
    }
    bed.world.cancel.set(None);
    load(&mut bed, &[id], Some(recipe()));
}

#[test]
fn generation_stops_and_refuses_as_it_should() {
    let mut bed = bed(Files::new(), Files::new());
    let mut dropped = folder("tiny", &model(0));
    let said = written_by(&model(0), PROMPTS[0]);
    // The second word of what it would say ends it.
    let second = words().encode(&said)[2];
    let generation = json!({"eos_token_id": [second]}).to_string().into_bytes();
    dropped.insert("tiny/generation_config.json".into(), generation);
    let id = open(&mut bed, dropped);
    load(&mut bed, &[id], None);
    let ask = |prompt: &str| Request::GenerateOwn { prompt: prompt.into(), chat: false, max_new_tokens: 9 };
    let Reply::Generated { tokens, stop, .. } = bed.ask(ask(PROMPTS[0])) else { panic!() };
    assert!(tokens <= 1 && stop == StopReason::EndOfText, "{said}: {tokens}");
    let message = failed(bed.ask(ask(&"Tom ".repeat(40))));
    assert!(message.starts_with("The prompt has 41 tokens, the model 32 positions."), "{message}");
    let chat = Request::GenerateOwn { prompt: "Tom".into(), chat: true, max_new_tokens: 9 };
    assert!(failed(bed.ask(chat)).contains("no chat template"));

    let mut plain = folder("plain", &model(1));
    plain.insert("plain/chat_template.jinja".into(), b"x".to_vec());
    let id = open(&mut bed, plain);
    load(&mut bed, &[id], None);
    bed.world.cancel.set(Some((bed.next_id(), bed.world.pauses.get() + 2)));
    let Reply::Generated { stop, .. } = bed.ask(ask("2 3 4")) else { panic!() };
    assert!(matches!(stop, StopReason::Cancelled | StopReason::EndOfText));
}
