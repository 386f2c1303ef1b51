//! A look inside models: which of them, what was found, and what of it is shown.

use std::sync::Arc;

use js_sys::Array;
use leptos::prelude::*;
use leptos::task::spawn_local;
use maec_protocol::{HeatMap, ItemId, ItemKind, Reply, Request, TensorLook};

use super::{Entry, Key, Look, base_of};
use crate::engine::CallError;
use crate::format::plural;
use crate::studio::boot::CONFUSED;
use crate::studio::{Run, Studio};

/// The base's choice while nobody has made one.
pub const AUTO: &str = "auto";

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Metrics by layer and kind, for every model.
    pub maps: Vec<HeatMap>,
    /// Every tensor, sorted by name.
    pub tensors: Vec<TensorLook>,
}

impl Found {
    /// The map of a metric and a model; the metric's first, where it has none for that model.
    pub fn map(&self, metric: &str, model: &str) -> Option<&HeatMap> {
        let mut of = self.maps.iter().filter(|map| map.title == metric);
        of.clone().find(|map| map.model == model).or_else(|| of.next()).or_else(|| self.maps.first())
    }
}

/// What is looked into.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chosen {
    /// What differences are taken from.
    pub base: Option<(Key, ItemId)>,
    /// The others that were opened, and whether they take part.
    pub models: Vec<(Key, ItemId, String, bool)>,
    /// Bytes of weights that are read.
    pub bytes: u64,
    /// Bytes that come over the network first.
    pub fetch: u64,
}

/// The signals of this part. Copies are handles on the same.
#[derive(Clone, Copy)]
pub struct Inside {
    /// The base's key, `none` or [`AUTO`].
    pub base: RwSignal<String>,
    /// What was opened and does not take part.
    pub without: RwSignal<Vec<Key>>,
    /// Looking.
    pub run: RwSignal<Run>,
    /// How it ended, when not well.
    pub note: RwSignal<String>,
    /// What was found last.
    pub found: RwSignal<Option<Arc<Found>>>,
    /// The metric that is shown.
    pub metric: RwSignal<String>,
    /// The model that it is shown of.
    pub model: RwSignal<String>,
    /// The tensor that is explained; empty while there is none.
    pub tensor: RwSignal<String>,
}

impl Inside {
    /// Nothing looked into.
    pub fn new() -> Self {
        Self {
            base: RwSignal::new(AUTO.into()),
            without: RwSignal::new(Vec::new()),
            run: RwSignal::new(Run::Idle),
            note: RwSignal::new(String::new()),
            found: RwSignal::new(None),
            metric: RwSignal::new(String::new()),
            model: RwSignal::new(String::new()),
            tensor: RwSignal::new(String::new()),
        }
    }
}

/// What takes part: the base that was chosen (at first the merge's, where there is something beside it), and every other
/// model, delta and pack that was not left out.
pub fn chosen(entries: &[Entry], merge_base: Option<Key>, base: &str, without: &[Key]) -> Chosen {
    let weights = |entry: &&Entry| match entry.item.as_ref().map(|item| &item.kind) {
        Some(ItemKind::Model(card) | ItemKind::Pack { base: card, .. }) => Some(card.bytes),
        Some(ItemKind::Delta(_)) => Some(0),
        _ => None,
    };
    let able: Vec<&Entry> =
        entries.iter().filter(|entry| entry.look == Look::Done && weights(entry).is_some()).collect();
    let wanted = match base {
        AUTO => base_of(entries, merge_base).filter(|_| able.len() > 1),
        key => key.parse().ok(),
    };
    let mut chosen = Chosen::default();
    for entry in able {
        let Some(item) = &entry.item else { continue };
        let is_base = wanted == Some(entry.key);
        let takes_part = is_base || !without.contains(&entry.key);
        if is_base {
            chosen.base = Some((entry.key, item.id));
        } else {
            chosen.models.push((entry.key, item.id, entry.name.clone(), takes_part));
        }
        if takes_part {
            chosen.bytes += weights(&entry).unwrap_or_default();
            chosen.fetch += item.bytes_to_fetch;
        }
    }
    chosen
}

impl Studio {
    /// What would be looked into now.
    pub fn chosen_inside(self) -> Chosen {
        let (own, inside) = (self.own, self.own.inside);
        own.entries.with(|entries| {
            inside
                .base
                .with(|base| inside.without.with(|without| chosen(entries, own.base.get(), base, without)))
        })
    }

    /// Looks inside what was chosen.
    pub fn look_inside(self) {
        let inside = self.own.inside;
        let chosen = untrack(|| self.chosen_inside());
        let items: Vec<ItemId> = chosen.models.iter().filter(|it| it.3).map(|it| it.1).collect();
        if items.is_empty() || !self.begin(inside.run, inside.note, |hands| &mut hands.own.inspect) {
            return;
        }
        spawn_local(async move {
            let request = Request::Inspect { base: chosen.base.map(|base| base.1), items };
            let outcome = self.long(inside.run, request, Array::new(), |hands| &mut hands.own.inspect).await;
            inside.run.set(Run::Idle);
            inside.note.set(match outcome {
                Ok(Reply::Inspected { maps, tensors }) => {
                    self.own.news.set(format!("Looked into {}.", plural(tensors.len(), "tensor")));
                    let found = Found { maps, tensors };
                    // What was shown stays, where it is there again; at first, how much a model differs.
                    let metric = inside.metric.get_untracked();
                    let first = found.map(if metric.is_empty() { "‖δ‖ / ‖base‖" } else { &metric }, "");
                    inside.metric.set(first.map(|map| map.title.clone()).unwrap_or_default());
                    let model = inside.model.get_untracked();
                    if !found.maps.iter().any(|map| map.model == model) {
                        inside.model.set(first.map(|map| map.model.clone()).unwrap_or_default());
                    }
                    inside.tensor.set(String::new());
                    inside.found.set(Some(Arc::new(found)));
                    String::new()
                }
                Ok(_) => CONFUSED.into(),
                Err(CallError::Failed(sentence)) => sentence,
                Err(CallError::Cancelled) => "Stopped. Nothing was found out.".into(),
                Err(CallError::Lost) => "The engine stopped while it was looking. Look again.".into(),
            });
        });
    }

    /// Stops looking inside.
    pub fn cancel_look(self) {
        self.cancel(|hands| &mut hands.own.inspect);
    }

    /// Forces tensors into the recipe's 𝒯 (`Some(true)`) or out of it, or leaves them to Eq. 4.
    pub fn force(self, pattern: &str, forced: Option<bool>) {
        self.own.recipe.update(|recipe| {
            let Some((_, recipe)) = recipe else { return };
            let select = &mut recipe.select;
            select.include.retain(|other| other != pattern);
            select.exclude.retain(|other| other != pattern);
            match forced {
                Some(true) => select.include.push(pattern.into()),
                Some(false) => select.exclude.push(pattern.into()),
                None => {}
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use maec_protocol::{DeltaCard, Item};

    fn delta(key: Key) -> Entry {
        let card = DeltaCard { name: "es".into(), tensors: 1, changed: 1, base: "0".into() };
        let item =
            Item { id: key + 100, title: String::new(), bytes_to_fetch: 5, kind: ItemKind::Delta(card) };
        Entry { key, name: format!("n{key}"), item: Some(item), look: Look::Done }
    }

    fn model(key: Key) -> Entry {
        let card = crate::studio::tests::card();
        let item =
            Item { id: key + 100, title: String::new(), bytes_to_fetch: 0, kind: ItemKind::Model(card) };
        Entry { key, name: format!("n{key}"), item: Some(item), look: Look::Done }
    }

    #[test]
    fn one_model_has_no_base_and_of_several_the_merges_is() {
        let alone = chosen(&[model(1)], None, AUTO, &[]);
        assert_eq!((alone.base, alone.models.len(), alone.bytes), (None, 1, 20));
        let both = chosen(&[model(1), model(2), delta(3)], None, AUTO, &[]);
        assert_eq!(both.base, Some((1, 101)));
        assert_eq!(both.models, [(2, 102, "n2".into(), true), (3, 103, "n3".into(), true)]);
        assert_eq!((both.bytes, both.fetch), (40, 5));
        let other = chosen(&[model(1), model(2), delta(3)], Some(2), AUTO, &[1, 3]);
        assert_eq!((other.base, other.bytes, other.fetch), (Some((2, 102)), 20, 0));
        assert!(other.models.iter().all(|model| !model.3));
    }

    #[test]
    fn a_choice_of_no_base_stays() {
        let none = chosen(&[model(1), model(2)], None, "none", &[]);
        assert_eq!((none.base, none.models.len()), (None, 2));
        let second = chosen(&[model(1), model(2)], None, "2", &[]);
        assert_eq!(second.base, Some((2, 102)));
    }
}
