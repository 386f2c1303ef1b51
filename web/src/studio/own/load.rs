//! Loading: the one thing that moves anything large, and only because a person says so.

use gloo_timers::future::TimeoutFuture;
use js_sys::Array;
use leptos::prelude::*;
use leptos::task::spawn_local;
use maec_protocol::{ItemKind, Reply, Request};

use super::{Loaded, Question, base_of};
use crate::browser;
use crate::engine::CallError;
use crate::format::{seconds, title};
use crate::studio::boot::CONFUSED;
use crate::studio::{Run, Studio};

impl Studio {
    /// Fetches, merges and loads what was weighed.
    pub fn load_own(self) {
        let weighed = self.own.weighed.get_untracked().and_then(Result::ok);
        let Some(weighed) = weighed.filter(|weighed| weighed.obstacle().is_none()) else { return };
        if !self.begin(self.own.loading, self.own.load_note, |hands| &mut hands.own.load) {
            return;
        }
        let fetches = weighed.cost.fetch_bytes > 0;
        if fetches {
            browser::keep_storage();
        }
        spawn_local(async move {
            let outcome = self.try_load(weighed.question).await;
            let here = browser::has_focus("own-cancel");
            self.own.loading.set(Run::Idle);
            match outcome {
                Ok(loaded) => {
                    self.own.news.set(format!("Loaded {}, in {}.", title(&loaded.title), seconds(loaded.seconds)));
                    self.own.loaded.set(Some(loaded));
                    if here {
                        // After the button's own focus has gone on.
                        TimeoutFuture::new(30).await;
                        browser::focus("own-prompt");
                    }
                }
                Err(CallError::Failed(sentence)) => self.own.load_note.set(sentence),
                Err(CallError::Cancelled) if fetches => self.own.load_note.set(
                    "Stopped. What was fetched stays in this browser’s storage, and loading again goes on from there."
                        .into(),
                ),
                Err(CallError::Cancelled) => self.own.load_note.set("Stopped. Nothing was loaded.".into()),
                Err(CallError::Lost) => {
                    self.own.load_note.set("The engine stopped while it was loading. Load again.".into())
                }
            }
            // The cache holds more now.
            self.weigh_again();
        });
    }

    /// Stops loading.
    pub fn cancel_load(self) {
        self.cancel(|hands| &mut hands.own.load);
    }

    async fn try_load(self, question: Question) -> Result<Loaded, CallError> {
        let base = self.own.entries.with_untracked(|entries| {
            let key = base_of(entries, self.own.base.get_untracked());
            entries.iter().find(|entry| Some(entry.key) == key)?.item.clone()
        });
        // What is not merged is not loaded.
        let Question { mut items, recipe } = question.clone();
        if recipe.is_none() {
            items.truncate(1);
        }
        let request = Request::Load { items, recipe };
        let answer = self.long(self.own.loading, request, Array::new(), |hands| &mut hands.own.load);
        let Reply::OwnLoaded { seconds, device_bytes, merged_tensors } = answer.await? else {
            return Err(CallError::Failed(CONFUSED.into()));
        };
        let chat = base.as_ref().is_some_and(|base| match &base.kind {
            ItemKind::Model(card) | ItemKind::Pack { base: card, .. } => card.chat,
            _ => false,
        });
        let title = base.map(|base| base.title).unwrap_or_default();
        Ok(Loaded { question, title, chat, seconds, device_bytes, merged_tensors })
    }
}
