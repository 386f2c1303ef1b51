//! Try it: one prompt, answered by the base and by the merged model, streamed side by side.

use std::rc::Rc;

use js_sys::Array;
use leptos::prelude::*;
use leptos::task::spawn_local;
use maec_protocol::{Reply, Request, StopReason, Subject};
use maec_recipe::{Recipe, Tab};

use super::Studio;
use crate::engine::CallError;

/// New tokens a generation may have.
const MOST_TOKENS: u32 = 64;

/// Which of the two panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Θo.
    Base,
    /// The present recipe's merge.
    Merged,
}

/// What one model says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Speech {
    /// The prompt it goes on from; empty before the first.
    pub prompt: String,
    /// What it wrote so far.
    pub text: String,
    /// It is writing, or waits for its turn.
    pub busy: bool,
    /// How it ended: tokens, seconds and why.
    pub end: Option<(u32, f64, StopReason)>,
    /// What the merged model is a merge of; nothing for the base.
    pub recipe: Option<Recipe>,
}

impl Studio {
    /// Lets both models go on from a prompt, the base first.
    pub fn generate(self, prompt: String) {
        if self.speaking.get_untracked() || prompt.trim().is_empty() {
            return;
        }
        self.with_hands(|hands| hands.speech.cancelled = false);
        self.speaking.set(true);
        self.tab.set(Tab::Try);
        self.here.set(super::section(Tab::Try));
        let blank = Speech { prompt: prompt.clone(), busy: true, ..Speech::default() };
        let recipe = self.recipe.get_untracked();
        self.speech.set([blank.clone(), Speech { recipe: Some(recipe.clone()), ..blank }]);
        spawn_local(async move {
            let outcome = self.try_generate(&prompt, &recipe).await;
            let stopped = outcome == Err(CallError::Cancelled);
            self.speech.update(|speech| {
                for side in speech {
                    side.busy = false;
                    if stopped && side.end.is_none() {
                        side.end = Some((0, 0.0, StopReason::Cancelled));
                    }
                }
            });
            self.speaking.set(false);
            match outcome {
                Err(CallError::Failed(sentence)) => self.warn(sentence),
                Err(CallError::Lost) => self.warn("The engine stopped while it was writing. Try it again."),
                Ok(()) | Err(CallError::Cancelled) => {}
            }
        });
    }

    /// Stops the generation in progress.
    pub fn stop_generation(self) {
        self.cancel(|hands| &mut hands.speech);
    }

    async fn try_generate(self, prompt: &str, recipe: &Recipe) -> Result<(), CallError> {
        self.speak(Side::Base, prompt, recipe).await?;
        self.speak(Side::Merged, prompt, recipe).await
    }

    async fn speak(self, side: Side, prompt: &str, recipe: &Recipe) -> Result<(), CallError> {
        self.engine_ready(|hands| &mut hands.speech).await?;
        let subject = if side == Side::Base { Subject::Base } else { Subject::Merged };
        let request = Request::Generate {
            recipe: recipe.clone(),
            subject,
            prompt: prompt.into(),
            max_new_tokens: MOST_TOKENS,
        };
        let on_event = Rc::new(move |event| {
            if let Reply::Token { text } = event {
                self.speech.update(|speech| speech[side as usize].text.push_str(&text));
            }
        });
        let answer = self.call(request, Array::new(), on_event, |hands| &mut hands.speech).await?;
        self.speech.update(|speech| {
            let own = &mut speech[side as usize];
            own.busy = false;
            if let Reply::Generated { tokens, seconds, stop } = answer.reply {
                own.end = Some((tokens, seconds, stop));
            }
        });
        Ok(())
    }
}
