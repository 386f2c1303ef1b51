//! Asking the engine: waiting for it, a place to cancel at, answers that only count while nothing newer is asked, and
//! long work with its progress. Every request of the page goes through here, so that its code is written out once.

use std::cell::Cell;
use std::rc::Rc;

use futures::channel::oneshot;
use gloo_timers::future::TimeoutFuture;
use js_sys::Array;
use leptos::prelude::*;
use maec_protocol::{Reply, Request};

use super::{EngineState, Hands, Studio};
use crate::engine::{Answer, CallError};
use crate::{browser, scale};

/// Long work.
#[derive(Debug, Clone, PartialEq)]
pub enum Run {
    /// Nothing runs.
    Idle,
    /// Work goes on.
    Working(Working),
}

/// How far long work is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Working {
    /// What is being done.
    pub label: String,
    /// Units done.
    pub done: u64,
    /// Units in all; 0 while unknown.
    pub total: u64,
    /// Seconds since the engine began.
    pub seconds: f64,
    /// Bytes of the engine's memory now, and the most there were; 0 where the engine does not say.
    pub memory: (u64, u64),
}

impl Run {
    /// Work that the engine has not begun.
    pub fn waiting() -> Self {
        Self::labelled("Waiting for the engine")
    }

    /// Work of which nothing is done.
    pub fn labelled(label: &str) -> Self {
        Self::Working(Working { label: label.into(), ..Working::default() })
    }
}

impl Working {
    /// Seconds left, when they can be told.
    pub fn left(&self) -> Option<f64> {
        scale::time_left(self.seconds, self.done, self.total)
    }
}

/// A request that can be cancelled, also before the engine is there to take it.
#[derive(Default)]
pub(super) struct Slot {
    /// Its number.
    pub(super) request: Option<u32>,
    /// A person has cancelled it.
    pub(super) cancelled: bool,
    /// How often it was asked; only the last one counts.
    wanted: u32,
}

/// Where a kind of request has its slot.
pub(super) type SlotOf = fn(&mut Hands) -> &mut Slot;

impl Studio {
    /// Waits until an engine is ready; an error says why none will be, or that who waits was cancelled.
    pub(super) async fn engine_ready(self, slot: SlotOf) -> Result<(), CallError> {
        loop {
            if self.with_hands(|hands| slot(hands).cancelled) {
                return Err(CallError::Cancelled);
            }
            match self.engine_state.get_untracked() {
                EngineState::Ready(_) => return Ok(()),
                EngineState::Broken(sentence) => return Err(CallError::Failed(sentence)),
                EngineState::Starting => {
                    let (tell, told) = oneshot::channel();
                    self.with_hands(|hands| hands.waiting.push(tell));
                    let _ = told.await;
                }
            }
        }
    }

    /// Wakes those who wait for the engine, to look again.
    pub(super) fn release(self) {
        for waiting in self.with_hands(|hands| std::mem::take(&mut hands.waiting)) {
            let _ = waiting.send(());
        }
    }

    /// Asks the engine about what `with` holds: files, or a folder's handle. Progress goes to `on_event`.
    pub(super) async fn call(
        self,
        body: Request,
        with: Array,
        on_event: Rc<dyn Fn(Reply)>,
        slot: SlotOf,
    ) -> Result<Answer, CallError> {
        let asked = self.with_hands(|hands| {
            let (id, answer) = hands.engine.as_ref()?.ask(body, &with, on_event);
            slot(hands).request = Some(id);
            Some((id, answer))
        });
        let Some((id, answer)) = asked else { return Err(CallError::Lost) };
        let outcome = answer.await.unwrap_or(Err(CallError::Lost));
        // A cancelled request ends after its successor began and must not wipe its number out.
        self.with_hands(|hands| {
            let request = &mut slot(hands).request;
            *request = request.filter(|now| *now != id);
        });
        outcome
    }

    /// Once the engine is ready: asks, without files or progress.
    pub(super) async fn ask(self, body: Request, slot: SlotOf) -> Result<Reply, CallError> {
        self.engine_ready(slot).await?;
        Ok(self.call(body, Array::new(), Rc::new(|_| ()), slot).await?.reply)
    }

    /// Asks after a pause in milliseconds. Nothing comes back where something newer was asked meanwhile, or the
    /// engine was lost: the next one is asked anew.
    pub(super) async fn ask_latest(
        self,
        pause: u32,
        body: Request,
        slot: SlotOf,
    ) -> Option<Result<Reply, String>> {
        let number = self.forget_latest(slot);
        let latest = move || self.with_hands(|hands| slot(hands).wanted) == number;
        TimeoutFuture::new(pause).await;
        if !latest() {
            return None;
        }
        let ready = self.engine_ready(slot).await;
        if !latest() {
            return None;
        }
        self.stop(slot);
        let outcome = match ready {
            Ok(()) => self.ask(body, slot).await,
            Err(error) => Err(error),
        };
        match outcome {
            _ if !latest() => None,
            Ok(reply) => Some(Ok(reply)),
            Err(CallError::Failed(sentence)) => Some(Err(sentence)),
            Err(CallError::Cancelled | CallError::Lost) => None,
        }
    }

    /// What was asked last does not count any more.
    pub(super) fn forget_latest(self, slot: SlotOf) -> u32 {
        self.with_hands(|hands| {
            slot(hands).wanted += 1;
            slot(hands).wanted
        })
    }

    /// Begins long work that can be cancelled, unless it goes on already.
    pub(super) fn begin(self, run: RwSignal<Run>, note: RwSignal<String>, slot: SlotOf) -> bool {
        let idle = run.get_untracked() == Run::Idle;
        if idle {
            self.with_hands(|hands| slot(hands).cancelled = false);
            note.set(String::new());
            run.set(Run::waiting());
        }
        idle
    }

    /// Long work: its progress goes to `run`.
    pub(super) async fn long(
        self,
        run: RwSignal<Run>,
        body: Request,
        with: Array,
        slot: SlotOf,
    ) -> Result<Reply, CallError> {
        self.engine_ready(slot).await?;
        let (started, peak) = (browser::now(), Cell::new(0));
        let on_event = Rc::new(move |event| {
            if let Reply::Progress { label, done, total, memory_bytes } = event {
                peak.set(memory_bytes.max(peak.get()));
                let (seconds, memory) = (browser::now() - started, (memory_bytes, peak.get()));
                run.set(Run::Working(Working { label, done, total, seconds, memory }));
            }
        });
        Ok(self.call(body, with, on_event, slot).await?.reply)
    }

    /// Cancels what a slot holds, or what waits to be put into it.
    pub(super) fn cancel(self, slot: SlotOf) {
        self.with_hands(|hands| slot(hands).cancelled = true);
        self.stop(slot);
        self.release();
    }

    /// Has the engine stop what a slot holds.
    pub(super) fn stop(self, slot: SlotOf) {
        self.with_hands(|hands| {
            let id = slot(hands).request;
            if let (Some(engine), Some(id)) = (&hands.engine, id) {
                engine.cancel(id);
            }
        });
    }
}
