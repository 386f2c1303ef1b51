//! Weighing: whenever what would be loaded changes, the engine says what does not fit and what it costs.

use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use maec_protocol::{Reply, Request};

use super::{Entry, Look, Question, Weighed};
use crate::engine::CallError;
use crate::studio::Studio;
use crate::studio::boot::CONFUSED;

/// Milliseconds that a slider may rest before the engine is asked.
const PAUSE: u32 = 200;

impl Studio {
    /// Weighs from now on, as long as the caller's owner lives.
    pub fn keep_weighing(self) {
        Effect::new(move |_| match self.own.question.get() {
            Some(question) => self.weigh(question),
            None => {
                self.with_own(|own| own.weigh_wanted += 1);
                self.own.weighing.set(false);
                // While something is looked at the last answer stays, though nothing can be loaded by it.
                let going = |entries: &Vec<Entry>| entries.iter().any(|entry| entry.look == Look::Going);
                if !self.own.entries.with_untracked(going) {
                    self.own.weighed.set(None);
                }
            }
        });
    }

    /// Asks again, because the cache has changed.
    pub(super) fn weigh_again(self) {
        if let Some(question) = self.own.question.get_untracked() {
            self.weigh(question);
        }
    }

    fn weigh(self, question: Question) {
        self.own.weighing.set(true);
        let number = self.with_own(|own| {
            own.weigh_wanted += 1;
            own.weigh_wanted
        });
        let latest = move || self.with_own(|own| own.weigh_wanted) == number;
        spawn_local(async move {
            TimeoutFuture::new(PAUSE).await;
            if !latest() {
                return;
            }
            let answer = self.try_weigh(question, latest).await;
            if !latest() {
                return;
            }
            self.own.weighing.set(false);
            match answer {
                Ok(weighed) => self.own.weighed.set(Some(Ok(weighed))),
                Err(CallError::Failed(sentence)) => self.own.weighed.set(Some(Err(sentence))),
                // Another engine looks at everything again, which asks again.
                Err(CallError::Cancelled | CallError::Lost) => {}
            }
        });
    }

    async fn try_weigh(self, question: Question, latest: impl Fn() -> bool) -> Result<Weighed, CallError> {
        self.engine_ready(|_| false).await?;
        if !latest() {
            return Err(CallError::Cancelled);
        }
        self.with_hands(|hands| {
            if let (Some(engine), Some(id)) = (&hands.engine, hands.own.weigh) {
                engine.cancel(id);
            }
        });
        let Question { items, recipe } = question.clone();
        let answer = self.call_with(Request::Weigh { items, recipe }, &[], Rc::new(|_| ()), |hands, id| {
            // A cancelled request ends after its successor began and must not wipe its number out.
            if id.is_some() {
                hands.own.weigh = id;
            }
        });
        match answer.await?.reply {
            Reply::Weighed { mismatches, cost } => Ok(Weighed { question, mismatches, cost }),
            _ => Err(CallError::Failed(CONFUSED.into())),
        }
    }
}
