//! Opening: one thing after the other is looked at, and again whenever another engine starts.

use std::rc::Rc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use maec_protocol::{Item, ItemKind, Place, Reply, Request};

use super::items::newest_recipe;
use super::{Entry, Key, Look, Source, recipe_in};
use crate::engine::CallError;
use crate::files::{Brought, group};
use crate::format::parameters;
use crate::studio::Studio;
use crate::studio::boot::CONFUSED;

impl Studio {
    /// Opens files: each model, pack, delta and recipe among them.
    ///
    /// # Errors
    /// A sentence, when there is nothing to open.
    pub fn open_files(self, brought: Brought) -> Result<(), String> {
        let groups = group(&brought.paths);
        if groups.is_empty() {
            return Err(
                "There is nothing in it that can be opened. Choose a model's folder or its files.".into()
            );
        }
        for group in groups {
            let files = group.files.iter().map(|&file| brought.files[file].clone()).collect();
            self.open(group.title, Source::Files { names: group.names, files });
        }
        Ok(())
    }

    /// Opens a name on the hub or a URL.
    pub fn open_remote(self, name: String) {
        self.open(name.clone(), Source::Remote { name });
    }

    fn open(self, name: String, source: Source) {
        self.want_own_engine();
        let key = self.with_own(|own| {
            own.next += 1;
            own.sources.push((own.next, source));
            own.next
        });
        self.own.news.set(format!("Looking at {name}."));
        self.own.entries.update(|entries| entries.push(Entry { key, name, item: None, look: Look::Going }));
        self.queue(key);
    }

    /// Tries something again that could not be opened.
    pub fn look_again(self, key: Key) {
        self.change(key, |entry| entry.look = Look::Going);
        self.queue(key);
    }

    /// Takes something away; its recipe goes with it.
    pub fn remove_entry(self, key: Key) {
        self.with_hands(|hands| {
            hands.own.sources.retain(|source| source.0 != key);
            hands.own.queue.retain(|other| *other != key);
            if let (Some(engine), (own, slot)) = (&hands.engine, &hands.own.look)
                && let Some(id) = slot.request.filter(|_| *own == key)
            {
                engine.cancel(id);
            }
        });
        self.own.entries.update(|entries| entries.retain(|entry| entry.key != key));
        if self.own.recipe.with_untracked(|recipe| recipe.as_ref().is_some_and(|(of, _)| *of == key)) {
            self.own.recipe.set(self.own.entries.with_untracked(|entries| newest_recipe(entries)));
        }
    }

    /// An engine ended, and with it its items: the next one looks at everything again. Nothing else is lost.
    pub(in crate::studio) fn own_engine_ended(self) {
        if self.own.loaded.with_untracked(Option::is_some) {
            self.own.loaded.set(None);
            self.own.load_note.set(
                "Another engine has been started, and what was loaded went with the old one. Load again."
                    .into(),
            );
        }
        let mut keys = Vec::new();
        if self.own.entries.with_untracked(Vec::is_empty) {
            return;
        }
        self.own.entries.update(|entries| {
            for entry in entries.iter_mut().filter(|entry| entry.item.is_some()) {
                entry.look = Look::Going;
                keys.push(entry.key);
            }
        });
        keys.into_iter().for_each(|key| self.queue(key));
    }

    fn queue(self, key: Key) {
        let begin = self.with_own(|own| {
            if !own.queue.contains(&key) {
                own.queue.push_back(key);
            }
            !std::mem::replace(&mut own.pumping, true)
        });
        if begin {
            spawn_local(async move {
                while let Some(key) = self.with_own(|own| {
                    let next = own.queue.pop_front();
                    own.pumping = next.is_some();
                    next
                }) {
                    self.look_at(key).await;
                }
            });
        }
    }

    async fn look_at(self, key: Key) {
        let sentence = match self.try_look(key).await {
            Ok(item) => return self.known(key, item),
            Err(CallError::Failed(sentence)) => sentence,
            // Not again by itself, since what is looked at may be what ended the engine.
            Err(CallError::Lost) => "The engine stopped while it was looking at this. Try it again.".into(),
            // Only what was removed is cancelled.
            Err(CallError::Cancelled) => return,
        };
        self.change(key, |entry| {
            self.own.news.set(format!("{} cannot be opened. {sentence}", entry.name));
            entry.look = Look::Failed(sentence);
        });
    }

    async fn try_look(self, key: Key) -> Result<Item, CallError> {
        self.engine_ready(|hands| &mut hands.own.look.1).await?;
        let Some(source) = self.with_own(|own| {
            let source = own.sources.iter().find(|source| source.0 == key);
            source.map(|source| source.1.clone())
        }) else {
            return Err(CallError::Cancelled);
        };
        self.with_own(|own| {
            own.look.0 = key;
            // Another engine may have queued it again meanwhile.
            own.queue.retain(|other| *other != key);
        });
        let (place, files) = match source {
            Source::Files { names, files } => (Place::Files { names }, files),
            Source::Remote { name } => (Place::Remote { name }, Vec::new()),
        };
        let (request, files) = (Request::Look { place }, files.iter().collect());
        let answer = self.call(request, files, Rc::new(|_| ()), |hands| &mut hands.own.look.1);
        match answer.await?.reply {
            Reply::Looked { item } => Ok(item),
            _ => Err(CallError::Failed(CONFUSED.into())),
        }
    }

    fn known(self, key: Key, item: Item) {
        let is_new = self
            .own
            .entries
            .with_untracked(|entries| entries.iter().any(|entry| entry.key == key && entry.item.is_none()));
        let has_recipe = recipe_in(&item).is_some();
        self.change(key, |entry| {
            if is_new {
                self.own.news.set(summary(&item));
                self.take_file(&item.kind);
            }
            entry.name.clone_from(&item.title);
            (entry.item, entry.look) = (Some(item), Look::Done);
        });
        // Edits outlast another look; a new recipe takes their place.
        if is_new && has_recipe {
            let newest = self.own.entries.with_untracked(|entries| newest_recipe(entries));
            let same = |now: &Option<(Key, _)>| {
                now.as_ref().map(|now| now.0) == newest.as_ref().map(|newest| newest.0)
            };
            if !self.own.recipe.with_untracked(same) {
                self.own.recipe.set(newest);
            }
        }
    }

    fn change(self, key: Key, act: impl FnOnce(&mut Entry)) {
        self.own.entries.update(|entries| {
            if let Some(entry) = entries.iter_mut().find(|entry| entry.key == key) {
                act(entry);
            }
        });
    }
}

/// What was found, in one sentence.
fn summary(item: &Item) -> String {
    let what = match &item.kind {
        ItemKind::Model(card) => {
            format!("a {} model with {} parameters", card.architecture, parameters(card.parameters))
        }
        ItemKind::Delta(card) => format!("a delta that changes {} parameters", parameters(card.changed)),
        ItemKind::Pack { base, deltas, .. } => format!(
            "a pack: a {} model with {} parameters, and {}",
            base.architecture,
            parameters(base.parameters),
            crate::format::plural(deltas.len(), "delta")
        ),
        ItemKind::Adapter(_) => "an adapter".into(),
        ItemKind::Recipe { .. } => "a recipe".into(),
        ItemKind::Config { .. } => "a mergekit file".into(),
    };
    format!("{} is {what}.", item.title)
}
