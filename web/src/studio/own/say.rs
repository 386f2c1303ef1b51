//! Generation from what was loaded, streamed.

use std::rc::Rc;

use js_sys::Array;
use leptos::prelude::*;
use leptos::task::spawn_local;
use maec_protocol::{Reply, Request, StopReason};

use super::Said;
use crate::browser;
use crate::engine::CallError;
use crate::studio::Studio;
use crate::studio::boot::CONFUSED;

impl Studio {
    /// Goes on from a prompt.
    pub fn say_own(self, prompt: String, chat: bool, max_new_tokens: u32) {
        let ready = self.own.loaded.with_untracked(Option::is_some) && !prompt.trim().is_empty();
        if !ready || self.own.said.with_untracked(|said| said.busy) {
            return;
        }
        self.with_own(|own| own.say.cancelled = false);
        self.own.say_note.set(String::new());
        self.own.said.set(Said { prompt: prompt.clone(), busy: true, ..Said::default() });
        spawn_local(async move {
            let outcome = self.try_say(prompt, chat, max_new_tokens).await;
            self.own.said.update(|said| {
                said.busy = false;
                said.end = match &outcome {
                    Ok(end) => Some(*end),
                    Err(_) => Some((said.pace.0, said.pace.1, StopReason::Cancelled))
                        .filter(|_| outcome == Err(CallError::Cancelled)),
                };
            });
            match outcome {
                Err(CallError::Failed(sentence)) => self.own.say_note.set(sentence),
                Err(CallError::Lost) => self.own.say_note.set(
                    "The engine stopped while it was writing. Load the model again, then ask again.".into(),
                ),
                Ok(_) | Err(CallError::Cancelled) => {}
            }
        });
    }

    /// Stops the generation in progress.
    pub fn stop_saying(self) {
        self.cancel(|hands| &mut hands.own.say);
    }

    async fn try_say(
        self,
        prompt: String,
        chat: bool,
        max_new_tokens: u32,
    ) -> Result<(u32, f64, StopReason), CallError> {
        self.engine_ready(|hands| &mut hands.own.say).await?;
        let request = Request::GenerateOwn { prompt, chat, max_new_tokens };
        let first = std::cell::Cell::new(None);
        let on_event = Rc::new(move |event| {
            if let Reply::Token { text } = event {
                let now = browser::now();
                let began = first.get().unwrap_or(now);
                first.set(Some(began));
                self.own.said.update(|said| {
                    said.text.push_str(&text);
                    said.pace = (said.pace.0 + 1, now - began);
                });
            }
        });
        let answer = self.call(request, Array::new(), on_event, |hands| &mut hands.own.say);
        match answer.await?.reply {
            Reply::Generated { tokens, seconds, stop } => Ok((tokens, seconds, stop)),
            _ => Err(CallError::Failed(CONFUSED.into())),
        }
    }
}
