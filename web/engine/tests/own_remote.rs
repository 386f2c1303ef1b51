//! Models of the hub: what moves before they are loaded, and what is fetched twice.

mod common;

use common::own::*;
use common::web::{COMMIT, repository};
use common::{Files, config, recipe, safetensors, tokenizer};
use maec_checkpoint::{Dtype, MemoryWeights, TensorInfo};
use maec_model::ModelConfig;
use maec_protocol::{Place, Reply, Request};
use maec_recipe::Recipe;
use serde_json::json;

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
            Reply::Progress { label, done, total, .. } => {
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
