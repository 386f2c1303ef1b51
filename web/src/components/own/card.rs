//! What was opened, a card each: what the headers say.

use leptos::prelude::*;
use maec_protocol::{AdapterCard, DeltaCard, Item, ItemKind, ModelCard};
use maec_recipe::{MergeMethod, Recipe};

use super::facts::{Fact, facts, obstacle};
use crate::browser;
use crate::format::{bytes, count, number, parameters, plural, title};
use crate::studio::{Entry, Key, Look, Studio, base_of};

/// All cards.
pub fn cards(studio: Studio) -> AnyView {
    let own = studio.own;
    own.entries.with(|entries| {
        let base = base_of(entries, own.base.get());
        entries.iter().map(|entry| card(studio, entry, base)).collect_view().into_any()
    })
}

fn card(studio: Studio, entry: &Entry, base: Option<Key>) -> AnyView {
    let key = entry.key;
    let kind = entry.item.as_ref().map_or("", |item| word(&item.kind));
    let state = match entry.look {
        Look::Going => "looking",
        Look::Done => "known",
        Look::Failed(_) => "failed",
    };
    let told = match (&entry.look, &entry.item) {
        (Look::Going, None) => Some(view! { <p class="note own-looking">"Reading headers"</p> }.into_any()),
        (Look::Failed(sentence), _) => Some(obstacle(sentence.clone())),
        (Look::Going | Look::Done, Some(item)) => Some(details(item)),
        (Look::Done, None) => None,
    };
    let again = matches!(entry.look, Look::Failed(_))
        .then(|| action("Try again", &entry.name, "again", move || studio.look_again(key)));
    let is_base = base == Some(key);
    let other_base = matches!(kind, "Model" | "Pack") && !is_base && entry.look == Look::Done;
    let choose = other_base.then(|| {
        action("Use as base", &entry.name, "base", move || {
            studio.own.base.set(Some(key));
            // The button is gone now.
            browser::focus("own-items");
        })
    });
    let remove = action("Remove", &entry.name, "remove", move || {
        studio.remove_entry(key);
        browser::focus(if studio.own.entries.with_untracked(Vec::is_empty) {
            "own-files"
        } else {
            "own-items"
        });
    });
    let tag = |text: &'static str| (!text.is_empty()).then(|| view! { <span class="own-tag">{text}</span> });
    view! {
        <li class="own-card" class:base=is_base data-item=key data-kind=kind.to_ascii_lowercase() data-state=state>
            <p class="own-card-head">
                <strong title=entry.name.clone()>{title(&entry.name)}</strong>" "{tag(kind)}" "{tag(if is_base { "Base" } else { "" })}
                {tag(if state == "looking" && entry.item.is_some() { "Looking again" } else { "" })}
            </p>
            {told}
            <p class="own-actions">{again}{choose}{remove}</p>
        </li>
    }
    .into_any()
}

/// A small button; `name` completes it for those who do not see whose card it is on.
fn action(label: &'static str, name: &str, code: &'static str, act: impl Fn() + 'static) -> AnyView {
    let act: Box<dyn Fn()> = Box::new(act);
    let full = format!("{label}: {name}");
    view! { <button type="button" class="quiet" data-action=code aria-label=full on:click=move |_| act()>{label}</button> }
        .into_any()
}

fn word(kind: &ItemKind) -> &'static str {
    match kind {
        ItemKind::Model(_) => "Model",
        ItemKind::Delta(_) => "Delta",
        ItemKind::Adapter(_) => "Adapter",
        ItemKind::Pack { .. } => "Pack",
        ItemKind::Recipe { .. } => "Recipe",
        ItemKind::Config { .. } => "Merge file",
    }
}

fn details(item: &Item) -> AnyView {
    let (mut list, stop) = match &item.kind {
        ItemKind::Model(card) => (model(card), card.obstacle.clone()),
        ItemKind::Delta(card) => (delta(card), None),
        ItemKind::Adapter(card) => (adapter(card), None),
        ItemKind::Pack { title: own_title, id, base, deltas, recipe: own } => {
            let mut list = vec![("Title", own_title.clone()), ("Pack id", id.clone())];
            let names: Vec<&str> = deltas.iter().map(|delta| delta.name.as_str()).collect();
            list.push(("Deltas", format!("{}: {}", deltas.len(), names.join(", "))));
            list.extend(recipe(own).into_iter().filter(|fact| fact.0 == "Languages"));
            list.extend(model(base));
            (list, base.obstacle.clone())
        }
        ItemKind::Recipe { recipe: own } => (recipe(own), None),
        ItemKind::Config { models, .. } => (vec![("Models", models.join(", "))], None),
    };
    if item.bytes_to_fetch > 0 {
        list.push(("To fetch", bytes(item.bytes_to_fetch)));
    }
    view! { {facts(list)} {stop.map(obstacle)} }.into_any()
}

fn model(card: &ModelCard) -> Vec<Fact> {
    let dtypes: Vec<String> = match &card.dtypes[..] {
        [(only, _)] => vec![only.clone()],
        several => several.iter().map(|(dtype, tensors)| format!("{dtype} in {tensors}")).collect(),
    };
    let output = if card.tied { "the embedding, tied" } else { "a matrix of its own, untied" };
    vec![
        ("Architecture", card.architecture.clone()),
        ("Parameters", parameters(card.parameters)),
        ("Dtype", dtypes.join(", ")),
        ("Tensors", format!("{} in {}", count(card.tensors.into()), plural(card.shards as usize, "file"))),
        ("Weights", bytes(card.bytes)),
        ("Vocabulary", format!("{} tokens", count(card.vocabulary))),
        ("Output", output.into()),
        ("Positions", count(card.positions)),
        ("Tokenizer", card.tokenizer.clone()),
        ("Chat template", if card.chat { "yes" } else { "none" }.into()),
    ]
}

fn delta(card: &DeltaCard) -> Vec<Fact> {
    vec![
        ("Name", card.name.clone()),
        (
            "Changes",
            format!("{} parameters in {}", parameters(card.changed), plural(card.tensors as usize, "tensor")),
        ),
        ("Of base", card.base.clone()),
    ]
}

fn adapter(card: &AdapterCard) -> Vec<Fact> {
    vec![
        ("Rank", card.rank.clone()),
        ("Changes", card.targets.clone()),
        ("Weights", format!("{} in {}", bytes(card.bytes), plural(card.tensors as usize, "tensor"))),
        ("Of base", card.base.clone()),
    ]
}

fn recipe(recipe: &Recipe) -> Vec<Fact> {
    let languages =
        recipe.languages.iter().map(|language| format!("{} {}", language.name, number(language.weight, 4)));
    let method = match recipe.merge_method {
        MergeMethod::Maec => "MAEC, Eq. 2 to 5",
        MergeMethod::TaskVector => "Task vector",
    };
    vec![
        ("Method", method.into()),
        ("Base", recipe.base_model.clone()),
        ("Ability", recipe.ability.model.clone()),
        ("Reference", recipe.reference.model.clone()),
        ("Languages", languages.collect::<Vec<_>>().join(", ")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_dtypes_say_how_many_tensors_each() {
        let mut card = ModelCard {
            architecture: "Qwen2".into(),
            parameters: 494_032_768,
            dtypes: vec![("BF16".into(), 290)],
            tensors: 290,
            shards: 1,
            bytes: 988_065_536,
            vocabulary: 151_936,
            tied: true,
            positions: 32_768,
            tokenizer: "BPE with 151665 tokens".into(),
            chat: true,
            obstacle: None,
        };
        let of = |card: &ModelCard, term| {
            model(card).into_iter().find(|fact| fact.0 == term).map(|fact| fact.1).unwrap_or_default()
        };
        assert_eq!(of(&card, "Dtype"), "BF16");
        assert_eq!(of(&card, "Tensors"), "290 in 1 file");
        card.dtypes.push(("F32".into(), 2));
        card.shards = 2;
        assert_eq!(of(&card, "Dtype"), "BF16 in 290, F32 in 2");
        assert_eq!(of(&card, "Tensors"), "290 in 2 files");
        assert!(of(&card, "Output").ends_with(", tied"));
        card.tied = false;
        assert!(of(&card, "Output").ends_with("untied"));
    }
}
