//! What people bring, loaded, merged and asked, held against the libraries underneath.

mod common;

use common::own::*;
use common::{Bed, Files, config, delta, model, recipe, safetensors, tokenizer};
use maec_checkpoint::{MemoryWeights, Weights};
use maec_protocol::{Reply, Request, StopReason};
use maec_recipe::{MergeMethod, OutDtype, Parameters, Recipe};
use maec_tokenizer::Tokenizer;
use serde_json::json;

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
    // The second word of what it would say ends it.
    let said = PROMPTS.map(|prompt| (prompt, words().encode(&written_by(&model(0), prompt))));
    let (prompt, ids) = said.into_iter().find(|(_, ids)| ids.len() > 2).expect("a model that says two words");
    let second = ids[2];
    let generation = json!({"eos_token_id": [second]}).to_string().into_bytes();
    dropped.insert("tiny/generation_config.json".into(), generation);
    let id = open(&mut bed, dropped);
    load(&mut bed, &[id], None);
    let ask = |prompt: &str| Request::GenerateOwn { prompt: prompt.into(), chat: false, max_new_tokens: 9 };
    let Reply::Generated { tokens, stop, .. } = bed.ask(ask(prompt)) else { panic!() };
    assert!(tokens <= 1 && stop == StopReason::EndOfText, "{tokens}");
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

#[test]
fn a_dropped_benchmark_is_asked_and_reported() {
    let mut bed = bed(Files::new(), Files::new());
    let id = open(&mut bed, folder("tiny", &model(0)));
    let rows = (0..6).map(|n| format!("{}\n", json!({"prompt": format!("Tom has {n}"), "answer": "1"})));
    let dropped = files([("rows.jsonl", rows.collect::<String>().into_bytes())]);
    let ask = |task: &str, limit| Request::EvaluateOwn {
        task: task.into(),
        names: vec!["rows.jsonl".into()],
        language: String::new(),
        limit,
    };
    bed.world.dropped.replace(dropped);
    assert!(failed(bed.ask(ask("jsonl", None))).contains("No model is loaded."));
    load(&mut bed, &[id], None);
    let Reply::Report { json, table, .. } = bed.ask(ask("jsonl", Some(5))) else { panic!() };
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let samples = report["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 5);
    assert_eq!(report["settings"]["model"], "tiny");
    for (n, sample) in samples.iter().enumerate() {
        let text = sample["outcome"]["generated"]["text"].as_str().or(sample["outcome"]["text"].as_str());
        let expected = written_by(&model(0), &format!("Tom has {n}"));
        assert!(text.is_some_and(|text| text.trim().starts_with(expected.trim())), "{sample}");
    }
    assert!(table.len() >= 2 && table.iter().all(|row| row.len() == table[0].len()), "{table:?}");
    // What was answered is not asked again, nor what was answered before a cancellation.
    let first = |bed: &mut Bed<false>| {
        bed.ask_all(ask("jsonl", None)).into_iter().find_map(|(reply, _)| match reply {
            Reply::Progress { done, total, .. } => Some((done, total)),
            _ => None,
        })
    };
    assert_eq!(first(&mut bed), Some((5, 6)));
    load(&mut bed, &[id], None);
    bed.world.cancel.set(Some((bed.next_id(), bed.world.pauses.get() + 3)));
    assert_eq!(bed.ask(ask("jsonl", None)), Reply::Cancelled);
    bed.world.cancel.set(None);
    assert_eq!(first(&mut bed), Some((4, 6)));
    assert!(failed(bed.ask(ask("chess", None))).contains("chess"));
}

#[test]
fn shards_are_one_model() {
    let whole = model(0);
    let mut weight_map = serde_json::Map::new();
    let mut dropped = folder("tiny", &whole);
    dropped.remove("tiny/model.safetensors");
    for (shard, infos) in whole.tensors().chunks(12).enumerate() {
        let name = format!("model-0000{}-of-00002.safetensors", shard + 1);
        weight_map.extend(infos.iter().map(|info| (info.name.clone(), name.clone().into())));
        let tensors = infos.iter().map(|info| (info.clone(), whole.read_bytes(&info.name).unwrap()));
        let part = MemoryWeights::new("part", tensors.collect()).unwrap();
        dropped.insert(format!("tiny/{name}"), safetensors(&part));
    }
    // Other weights beside them, as some repositories have, are no part of the model.
    dropped.insert("tiny/consolidated.safetensors".into(), safetensors(&model(1)));
    let index = json!({"metadata": {"total_size": 1}, "weight_map": weight_map}).to_string().into_bytes();
    dropped.insert("tiny/model.safetensors.index.json".into(), index);
    let mut bed = bed(Files::new(), Files::new());
    let found = item(look_dropped(&mut bed, dropped));
    assert_eq!((card(&found).shards, card(&found).tensors), (2, 20));
    load(&mut bed, &[found.id], None);
    assert_eq!(write(&mut bed, PROMPTS[1], false), written_by(&whole, PROMPTS[1]));
}
