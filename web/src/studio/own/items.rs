//! What follows from the things that were opened. Pure, so that every case has a test.

use maec_protocol::{Item, ItemKind};
use maec_recipe::Recipe;

use super::{Entry, Key, Look, Question};

/// The item, when the engine knows it now.
fn known(entry: &Entry) -> Option<&Item> {
    entry.item.as_ref().filter(|_| entry.look == Look::Done)
}

/// Whether others can be compared with it and deltas put on it.
fn can_be_base(entry: &Entry) -> bool {
    let kind = entry.item.as_ref().map(|item| &item.kind);
    matches!(kind, Some(ItemKind::Model(_) | ItemKind::Pack { .. }))
}

/// Everything that can be a base and is known: keys and names.
pub fn bases(entries: &[Entry]) -> Vec<(Key, String)> {
    let able = entries.iter().filter(|entry| can_be_base(entry) && known(entry).is_some());
    able.map(|entry| (entry.key, entry.name.clone())).collect()
}

/// The base: the one that was chosen, else the first model or pack.
pub fn base_of(entries: &[Entry], chosen: Option<Key>) -> Option<Key> {
    let mut able = entries.iter().filter(|entry| can_be_base(entry));
    let chosen = able.clone().find(|entry| Some(entry.key) == chosen);
    chosen.or_else(|| able.next()).map(|entry| entry.key)
}

/// What to ask the engine about: everything that was opened, the base first. Nothing while something is being looked at,
/// since the engine may not know it yet, or without a base. Without a recipe nothing is merged; what else is there is
/// compared all the same.
pub fn question(entries: &[Entry], chosen: Option<Key>, recipe: Option<Recipe>) -> Option<Question> {
    if entries.iter().any(|entry| entry.look == Look::Going) {
        return None;
    }
    let known_entries = entries.iter().filter(|entry| known(entry).is_some()).cloned().collect::<Vec<_>>();
    let base = base_of(&known_entries, chosen)?;
    let takes_part = |entry: &&Entry| {
        let kind = entry.item.as_ref().map(|item| &item.kind);
        !matches!(kind, Some(ItemKind::Recipe { .. } | ItemKind::Config { .. }))
    };
    let (first, others): (Vec<_>, Vec<_>) =
        known_entries.iter().filter(takes_part).partition(|entry| entry.key == base);
    let items = first.into_iter().chain(others).filter_map(|entry| Some(entry.item.as_ref()?.id)).collect();
    Some(Question { items, recipe })
}

/// The recipe that an item brings, if it brings one.
pub fn recipe_in(item: &Item) -> Option<&Recipe> {
    match &item.kind {
        ItemKind::Recipe { recipe } | ItemKind::Pack { recipe, .. } => Some(recipe),
        _ => None,
    }
}

/// The recipe to begin with: a recipe's own goes before a pack's, the newest before older ones.
pub fn newest_recipe(entries: &[Entry]) -> Option<(Key, Recipe)> {
    let of = |entry: &Entry| {
        let item = entry.item.as_ref()?;
        let own = matches!(item.kind, ItemKind::Recipe { .. });
        Some((own, entry.key, recipe_in(item)?.clone()))
    };
    let best = entries.iter().filter_map(of).max_by_key(|(own, key, _)| (*own, *key));
    best.map(|(_, key, recipe)| (key, recipe))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::tests::{card, recipe};
    use maec_protocol::DeltaCard;

    fn entry(key: Key, kind: ItemKind) -> Entry {
        let item = Item { id: key + 100, title: format!("t{key}"), bytes_to_fetch: 0, kind };
        Entry { key, name: String::new(), item: Some(item), look: Look::Done }
    }

    fn model(key: Key) -> Entry {
        entry(key, ItemKind::Model(card()))
    }

    fn delta(key: Key) -> Entry {
        let card = DeltaCard { name: "es".into(), tensors: 1, changed: 1, base: "0".into() };
        entry(key, ItemKind::Delta(card))
    }

    fn with_recipe(key: Key, gamma: f64) -> Entry {
        let mut recipe = recipe();
        recipe.parameters.gamma = gamma;
        entry(key, ItemKind::Recipe { recipe })
    }

    fn ids(entries: &[Entry], chosen: Option<Key>) -> Option<Vec<u32>> {
        question(entries, chosen, None).map(|question| question.items)
    }

    #[test]
    fn the_first_model_is_the_base_until_another_is_chosen() {
        let entries = [delta(1), model(2), with_recipe(3, 1.0), model(4)];
        assert_eq!(base_of(&entries, None), Some(2));
        assert_eq!(ids(&entries, None), Some(vec![102, 101, 104]));
        assert_eq!(ids(&entries, Some(4)), Some(vec![104, 101, 102]));
        // A delta is no base, and what was removed is not there any more.
        assert_eq!(base_of(&entries, Some(1)), Some(2));
        assert_eq!(base_of(&entries[..1], Some(9)), None);
    }

    #[test]
    fn nothing_is_asked_while_something_is_looked_at() {
        let mut entries = [model(1), model(2)];
        entries[1].look = Look::Going;
        assert_eq!(ids(&entries, None), None);
        entries[1].look = Look::Failed("No.".into());
        assert_eq!(ids(&entries, None), Some(vec![101]));
        assert_eq!(ids(&entries[1..], None), None);
        assert_eq!(ids(&[delta(1)], None), None);
    }

    #[test]
    fn a_recipe_goes_before_a_pack_and_the_newest_before_the_others() {
        let pack = entry(
            9,
            ItemKind::Pack {
                title: "P".into(),
                id: "0".into(),
                base: card(),
                deltas: vec![],
                recipe: recipe(),
            },
        );
        assert_eq!(newest_recipe(&[model(1)]), None);
        assert_eq!(newest_recipe(std::slice::from_ref(&pack)), Some((9, recipe())));
        let entries = [with_recipe(1, 0.5), with_recipe(2, 0.7), pack];
        let (key, newest) = newest_recipe(&entries).expect("there are three");
        assert_eq!((key, newest.parameters.gamma), (2, 0.7));
    }
}
