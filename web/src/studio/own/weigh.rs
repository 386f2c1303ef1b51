//! Weighing: whenever what would be loaded changes, the engine says what does not fit and what it costs.

use leptos::prelude::*;
use leptos::task::spawn_local;
use maec_protocol::{Reply, Request};

use super::{Entry, Look, Question, Weighed};
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
                self.forget_latest(|hands| &mut hands.own.weigh);
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
        spawn_local(async move {
            let Question { items, recipe } = question.clone();
            let request = Request::Weigh { items, recipe };
            // Where there is no answer, another engine looks at everything again, which asks again.
            let Some(answer) = self.ask_latest(PAUSE, request, |hands| &mut hands.own.weigh).await else {
                return;
            };
            self.own.weighing.set(false);
            self.own.weighed.set(Some(match answer {
                Ok(Reply::Weighed { mismatches, cost }) => Ok(Weighed { question, mismatches, cost }),
                Ok(_) => Err(CONFUSED.into()),
                Err(sentence) => Err(sentence),
            }));
        });
    }
}
