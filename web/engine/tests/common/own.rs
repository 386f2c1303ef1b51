//! Opening, weighing, loading and asking; and what the libraries underneath say to it.

use std::cell::RefCell;
use std::ops::ControlFlow;

use burn::tensor::Device;
use maec_checkpoint::{MemoryWeights, Weights};
use maec_merge::{Inputs, merge_to_memory};
use maec_model::{Decoder, Generator, ModelConfig, Stop, WordTokenizer};
use maec_protocol::{Cost, Item, ItemId, ItemKind, Mismatch, ModelCard, Place, Reply, Request};
use maec_recipe::Recipe;
use pollster::block_on;

use super::{Bed, Files, URL, World, config, model, pack, safetensors, tokenizer};

/// An engine that has started, with dropped files and a site.
pub fn bed(dropped: Files, site: Files) -> Bed<false> {
    let world = World { dropped: RefCell::new(dropped), files: RefCell::new(site), ..World::default() };
    Bed::with(world)
}

/// The pack's files below a folder of the given name.
pub fn pack_below(folder: &str) -> Files {
    pack().into_iter().map(|(url, bytes)| (url.replace(URL, &format!("{folder}/")), bytes)).collect()
}

/// A model's folder.
pub fn folder(name: &str, weights: &dyn Weights) -> Files {
    Files::from([
        (format!("{name}/config.json"), config().to_string().into_bytes()),
        (format!("{name}/model.safetensors"), safetensors(weights)),
        (format!("{name}/tokenizer.json"), tokenizer().to_string().into_bytes()),
        (format!("{name}/.git/config"), b"hidden".to_vec()),
    ])
}

/// Files one beside the other, without folder.
pub fn files<const N: usize>(files: [(&str, Vec<u8>); N]) -> Files {
    files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

/// Looks at what was dropped.
pub fn look_dropped(bed: &mut Bed<false>, dropped: Files) -> Reply {
    let names = dropped.keys().cloned().collect();
    bed.world.dropped.replace(dropped);
    bed.ask(Request::Look { place: Place::Files { names } })
}

/// What was looked at.
pub fn item(reply: Reply) -> Item {
    match reply {
        Reply::Looked { item } => item,
        other => panic!("{other:?}"),
    }
}

/// A model's card.
pub fn card(item: &Item) -> &ModelCard {
    match &item.kind {
        ItemKind::Model(card) => card,
        other => panic!("{other:?}"),
    }
}

/// Opens what was dropped.
pub fn open(bed: &mut Bed<false>, dropped: Files) -> ItemId {
    item(look_dropped(bed, dropped)).id
}

/// Opens what a name or an address says.
pub fn open_remote(bed: &mut Bed<false>, name: &str) -> Item {
    item(bed.ask(Request::Look { place: Place::Remote { name: name.into() } }))
}

/// A refusal, in one line.
pub fn failed(reply: Reply) -> String {
    match reply {
        Reply::Failed { message, hint, gpu_unusable: false } => {
            format!("{message} {}", hint.unwrap_or_default())
        }
        other => panic!("{other:?}"),
    }
}

/// What does not fit, and what it costs.
pub fn weigh(bed: &mut Bed<false>, items: &[ItemId], recipe: Option<Recipe>) -> (Vec<Mismatch>, Cost) {
    match bed.ask(Request::Weigh { items: items.to_vec(), recipe }) {
        Reply::Weighed { mismatches, cost } => (mismatches, cost),
        other => panic!("{other:?}"),
    }
}

/// The tensors that the merge of a load changed.
pub fn load(bed: &mut Bed<false>, items: &[ItemId], recipe: Option<Recipe>) -> u32 {
    match bed.ask(Request::Load { items: items.to_vec(), recipe }) {
        Reply::OwnLoaded { merged_tensors, .. } => merged_tensors,
        other => panic!("{other:?}"),
    }
}

/// The text that the loaded model writes.
pub fn write(bed: &mut Bed<false>, prompt: &str, chat: bool) -> String {
    let replies = bed.ask_all(Request::GenerateOwn { prompt: prompt.into(), chat, max_new_tokens: 9 });
    let Some((Reply::Generated { .. }, _)) = replies.last() else { panic!("{replies:?}") };
    let pieces = replies.iter().filter_map(|(reply, _)| match reply {
        Reply::Token { text } => Some(text.as_str()),
        _ => None,
    });
    pieces.collect()
}

/// The text that a model of these weights writes.
pub fn written_by(weights: &dyn Weights, prompt: &str) -> String {
    written_after(weights, words().encode(prompt))
}

/// The tiny models' tokenizer.
pub fn words() -> WordTokenizer {
    WordTokenizer::from_json(&tokenizer().to_string()).unwrap()
}

/// The text that a model of these weights writes after some tokens.
pub fn written_after(weights: &dyn Weights, ids: Vec<u32>) -> String {
    let config = ModelConfig::from_json(&config().to_string()).unwrap();
    let model = Decoder::load(config, weights, &Device::flex()).unwrap();
    let stop = Stop { tokens: vec![3], max_new_tokens: 9 };
    let outputs = block_on(Generator::new(&model, &[ids], stop).run()).unwrap();
    words().decode(&outputs[0].tokens)
}

/// What the CPU executor makes of a recipe over the tiny models.
pub fn merged(recipe: &Recipe) -> MemoryWeights {
    let (base, ability, reference, es) = (model(0), model(1), model(2), model(3));
    let inputs = Inputs { base: &base, ability: &ability, reference: &reference, languages: vec![&es] };
    let go_on = &mut |_: maec_merge::Progress<'_>| ControlFlow::Continue(());
    merge_to_memory(&inputs, recipe, &maec_merge::Options::default(), go_on).unwrap().0
}

/// Prompts whose answers tell models apart.
pub const PROMPTS: [&str; 4] = ["Tom has 1", "how many ?", "2 3 4", "has has Tom :"];
