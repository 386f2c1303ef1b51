//! The long work: statistics, merge, evaluation and export.

use std::rc::Rc;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use maec_protocol::{Backend, Reply, Request, Subject, SubjectResult};
use maec_recipe::Recipe;

use super::boot::CONFUSED;
use super::{EngineState, Studio};
use crate::engine::CallError;
use crate::{archive, browser, scale};

/// Merge and evaluation in progress.
#[derive(Debug, Clone, PartialEq)]
pub enum Run {
    /// Nothing runs.
    Idle,
    /// Work goes on.
    Working {
        /// What is being done.
        label: String,
        /// Units done.
        done: u64,
        /// Units in all; 0 while unknown.
        total: u64,
        /// Seconds left, when they can be told.
        left: Option<f64>,
    },
}

impl Run {
    /// Work that the engine has not begun.
    pub fn waiting() -> Self {
        Run::Working { label: "Waiting for the engine".into(), done: 0, total: 0, left: None }
    }
}

/// A finished merge, and its evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What was merged.
    pub recipe: Recipe,
    /// Problems asked in every language.
    pub problems: u32,
    /// The merged model's hash, 64 hex digits.
    pub hash: String,
    /// How many tensors were in 𝒯.
    pub selected: usize,
    /// Seconds of the merge.
    pub merge_seconds: f64,
    /// Seconds of the evaluation.
    pub evaluate_seconds: f64,
    /// GPU dispatches of the merge and of the evaluation.
    pub dispatches: (u64, u64),
    /// Largest |GPU − CPU| of the merge.
    pub max_difference: f64,
    /// Where it ran.
    pub backend: Arc<Backend>,
    /// Base, task vector and merged model.
    pub results: Vec<SubjectResult>,
}

impl Studio {
    /// Asks for Eq. 4's statistics of the present recipe, soon: a slider that still moves starts the wait anew.
    pub fn score(self) {
        self.scoring.set(true);
        let number = self.with_hands(|hands| {
            hands.score_wanted += 1;
            hands.score_wanted
        });
        let latest = move || self.with_hands(|hands| hands.score_wanted) == number;
        spawn_local(async move {
            let pause = if self.scores.with_untracked(|scores| scores.is_empty()) { 0 } else { 120 };
            gloo_timers::future::TimeoutFuture::new(pause).await;
            if !latest() || self.engine_ready(|_| false).await.is_err() || !latest() {
                return;
            }
            self.with_hands(|hands| {
                if let (Some(engine), Some(id)) = (&hands.engine, hands.score_request) {
                    engine.cancel(id);
                }
            });
            let recipe = self.recipe.get_untracked();
            let answer = self.call_with(Request::Score { recipe }, &[], Rc::new(|_| ()), |hands, id| {
                // A cancelled request ends after its successor began and must not wipe its number out.
                if id.is_some() {
                    hands.score_request = id;
                }
            });
            let answer = answer.await;
            if !latest() {
                return;
            }
            self.with_hands(|hands| hands.score_request = None);
            match answer {
                Ok(answer) => {
                    self.scoring.set(false);
                    if let Reply::Scored { tensors } = answer.reply {
                        self.scores.set(Arc::new(tensors));
                    }
                }
                Err(CallError::Failed(sentence)) => {
                    self.scoring.set(false);
                    self.warn(sentence);
                }
                // Another engine scores anew once it is ready.
                Err(CallError::Cancelled | CallError::Lost) => {}
            }
        });
    }

    /// Merges and evaluates the present recipe, unless that is already going on.
    pub fn merge_and_evaluate(self) {
        if self.run.get_untracked() != Run::Idle {
            return;
        }
        self.with_hands(|hands| hands.run_cancelled = false);
        self.run.set(Run::waiting());
        spawn_local(async move {
            let outcome = loop {
                match self.try_run().await {
                    Err(CallError::Lost) if !self.with_hands(|hands| hands.run_cancelled) => {}
                    other => break other,
                }
            };
            let again = self.with_hands(|hands| std::mem::take(&mut hands.run_again));
            self.run.set(Run::Idle);
            match outcome {
                Ok(outcome) => {
                    self.say(format!(
                        "Done in {}.",
                        crate::format::seconds(outcome.merge_seconds + outcome.evaluate_seconds)
                    ));
                    self.outcome.set(Some(Arc::new(outcome)));
                }
                Err(CallError::Failed(sentence)) => self.warn(sentence),
                Err(CallError::Cancelled | CallError::Lost) if again => {}
                Err(CallError::Cancelled | CallError::Lost) => self.say("Cancelled. Nothing was changed."),
            }
            if again {
                self.merge_and_evaluate();
            }
        });
    }

    /// Merges and evaluates the present recipe; a run in progress, which is of another one, gives way.
    pub(super) fn run_anew(self) {
        if self.run.get_untracked() == Run::Idle {
            return self.merge_and_evaluate();
        }
        self.cancel_run();
        self.with_hands(|hands| hands.run_again = true);
    }

    /// Stops the merge or evaluation in progress, or its wait for the engine.
    pub fn cancel_run(self) {
        self.with_hands(|hands| {
            (hands.run_cancelled, hands.run_again) = (true, false);
            if let (Some(engine), Some(id)) = (&hands.engine, hands.run_request) {
                engine.cancel(id);
            }
        });
        self.release();
    }

    async fn try_run(self) -> Result<Outcome, CallError> {
        self.engine_ready(|hands| hands.run_cancelled).await?;
        let EngineState::Ready(backend) = self.engine_state.get_untracked() else {
            return Err(CallError::Lost);
        };
        let (recipe, problems) = (self.recipe.get_untracked(), self.problems.get_untracked());
        let lambda = self.pack.with_untracked(|pack| pack.as_ref().map_or(0.0, |pack| pack.lambda));

        let merged = self.run_step("Merging", Request::Merge { recipe: recipe.clone() }).await?;
        let Reply::Merged { hash, selected, seconds: merge_seconds, dispatches: merging, max_difference } =
            merged
        else {
            return Err(CallError::Failed(CONFUSED.into()));
        };
        let subjects = vec![Subject::Base, Subject::TaskVector, Subject::Merged];
        let request =
            Request::Evaluate { recipe: recipe.clone(), subjects, problems_per_language: problems, lambda };
        let evaluated = self.run_step("Evaluating", request).await?;
        let Reply::Evaluated { results, seconds: evaluate_seconds, dispatches: evaluating } = evaluated
        else {
            return Err(CallError::Failed(CONFUSED.into()));
        };
        let (selected, dispatches) = (selected.len(), (merging, evaluating));
        Ok(Outcome {
            recipe,
            problems,
            hash,
            selected,
            merge_seconds,
            evaluate_seconds,
            dispatches,
            max_difference,
            backend,
            results,
        })
    }

    async fn run_step(self, label: &'static str, request: Request) -> Result<Reply, CallError> {
        if self.with_hands(|hands| hands.run_cancelled) {
            return Err(CallError::Cancelled);
        }
        self.working(label, 0, 0, None);
        let started = browser::now();
        let on_event = Rc::new(move |event| {
            if let Reply::Progress { label, done, total, .. } = event {
                let left = scale::time_left(browser::now() - started, done, total);
                self.working(&label, done, total, left);
            }
        });
        Ok(self.call_with(request, &[], on_event, |hands, id| hands.run_request = id).await?.reply)
    }

    fn working(self, label: &str, done: u64, total: u64, left: Option<f64>) {
        self.run.set(Run::Working { label: label.into(), done, total, left });
    }

    /// Downloads the merged model of the present recipe as one archive.
    pub fn export(self) {
        if self.exporting.get_untracked() {
            return;
        }
        self.exporting.set(true);
        spawn_local(async move {
            let done = self.try_export().await;
            self.exporting.set(false);
            match done {
                Ok(text) => self.say(text),
                Err(CallError::Failed(sentence)) => self.warn(sentence),
                Err(CallError::Cancelled | CallError::Lost) => {
                    self.warn("The export was interrupted. Try it again.")
                }
            }
        });
    }

    async fn try_export(self) -> Result<String, CallError> {
        self.engine_ready(|_| false).await?;
        let answer = self.call(Request::Export { recipe: self.recipe.get_untracked() }).await?;
        let Reply::Exported { names, hash } = answer.reply else {
            return Err(CallError::Failed(CONFUSED.into()));
        };
        let files: Vec<(String, Vec<u8>)> = names
            .into_iter()
            .zip(answer.buffers)
            .map(|(name, buffer)| (name, js_sys::Uint8Array::new(&buffer).to_vec()))
            .collect();
        let folder = format!("maec-{}", hash.get(..8).unwrap_or("merged"));
        let bytes = archive::stored_zip(&folder, &files)
            .map_err(|error| CallError::Failed(format!("The archive cannot be written: {error}.")))?;
        let size = crate::format::bytes(bytes.len() as u64);
        browser::download(&format!("{folder}.zip"), "application/zip", &bytes).ok_or_else(|| {
            CallError::Failed("The browser refused the download. Allow downloads for this page.".into())
        })?;
        Ok(format!("{folder}.zip, {size}, is in your downloads."))
    }
}
