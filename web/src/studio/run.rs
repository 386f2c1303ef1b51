//! The long work: statistics, merge, evaluation and export.

use std::rc::Rc;
use std::sync::Arc;

use js_sys::Array;
use leptos::prelude::*;
use leptos::task::spawn_local;
use maec_protocol::{Backend, ProblemSet, Reply, Request, Subject, SubjectResult};
use maec_recipe::Recipe;

use super::boot::CONFUSED;
use super::{EngineState, Run, Studio};
use crate::engine::CallError;
use crate::{archive, browser};

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
        spawn_local(async move {
            let pause = if self.scores.with_untracked(|scores| scores.is_empty()) { 0 } else { 120 };
            let request = Request::Score { recipe: self.recipe.get_untracked() };
            // Where there is no answer, another engine scores anew once it is ready.
            let Some(answer) = self.ask_latest(pause, request, |hands| &mut hands.score).await else {
                return;
            };
            self.scoring.set(false);
            match answer {
                Ok(Reply::Scored { tensors }) => self.scores.set(Arc::new(tensors)),
                Ok(_) => self.warn(CONFUSED),
                Err(sentence) => self.warn(sentence),
            }
        });
    }

    /// Merges and evaluates the present recipe, unless that is already going on.
    pub fn merge_and_evaluate(self) {
        if self.run.get_untracked() != Run::Idle {
            return;
        }
        self.with_hands(|hands| hands.run.cancelled = false);
        self.run.set(Run::waiting());
        spawn_local(async move {
            let outcome = loop {
                match self.try_run().await {
                    Err(CallError::Lost) if !self.with_hands(|hands| hands.run.cancelled) => {}
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
        self.with_hands(|hands| hands.run_again = false);
        self.cancel(|hands| &mut hands.run);
    }

    async fn try_run(self) -> Result<Outcome, CallError> {
        self.engine_ready(|hands| &mut hands.run).await?;
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
        let request = Request::Evaluate {
            recipe: recipe.clone(),
            subjects,
            set: ProblemSet::Test,
            problems_per_language: problems,
            lambda,
        };
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
        self.run.set(Run::labelled(label));
        self.long(self.run, request, Array::new(), |hands| &mut hands.run).await
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
        self.engine_ready(|hands| &mut hands.export).await?;
        let request = Request::Export { recipe: self.recipe.get_untracked() };
        let answer = self.call(request, Array::new(), Rc::new(|_| ()), |hands| &mut hands.export).await?;
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
