//! What people bring, known from its headers: what it is, what does not fit, and what it would cost.

mod common;

use std::cell::Cell;

use common::own::*;
use common::{Bed, Files, World, config, delta, model, recipe, safetensors, tokenizer};
use maec_checkpoint::{MemoryWeights, Weights};
use maec_protocol::{ItemKind, Mismatch, ModelCard, Request};
use maec_recipe::{Parameters, Recipe};

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
    let cases: [(Files, &str); 9] = [
        (Files::new(), "Choose a model's folder"),
        (files([("notes.txt", vec![1])]), "is no model, delta, adapter, pack or recipe"),
        (files([("config.json", empty()), ("pytorch_model.bin", vec![1])]), "safe_serialization=True"),
        (files([("tiny.gguf", vec![1])]), "Open the safetensors"),
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

    let world = World { memory: Cell::new(Some(5_000)), ..World::default() };
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
    // Matrices stay bf16 on the CPU, vectors become f32.
    let vectors: u64 = model(0)
        .tensors()
        .iter()
        .filter(|info| info.shape.len() == 1)
        .map(|info| info.elements() as u64)
        .sum();
    assert_eq!(cost.device_bytes, 2 * parameters + 2 * vectors);
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

    let bold = Recipe { parameters: Parameters { k2: 1.4, ..recipe().parameters }, ..recipe() };
    let (_, said, fatal) = only(weigh(&mut bed, &[id], Some(bold)).0);
    assert!(fatal && said.contains("k2"), "{said}");

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
