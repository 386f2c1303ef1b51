//! One request being worked on: its progress, and whether it goes on.

use std::cell::Cell;
use std::ops::ControlFlow;

use maec_protocol::{FromEngine, Reply, RequestId};

use crate::{Failure, Host};

/// Milliseconds between two progress messages, and between two pauses.
const INTERVAL: f64 = 50.0;

/// A request that is being answered.
pub(crate) struct Job<'h, H> {
    host: &'h H,
    id: RequestId,
    started: f64,
    last_pause: Cell<f64>,
    last_progress: Cell<f64>,
}

impl<'h, H: Host> Job<'h, H> {
    /// Begins now.
    pub fn new(host: &'h H, id: RequestId) -> Self {
        let started = host.now();
        Self {
            host,
            id,
            started,
            last_pause: Cell::new(started),
            last_progress: Cell::new(f64::NEG_INFINITY),
        }
    }

    /// The host.
    pub fn host(&self) -> &'h H {
        self.host
    }

    /// The request's number.
    #[cfg(feature = "own")]
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// Seconds since the request began.
    pub fn seconds(&self) -> f64 {
        (self.host.now() - self.started) / 1000.0
    }

    /// Posts something about this request.
    pub fn post(&self, body: Reply) {
        self.host.post(&FromEngine { id: self.id, body }, Vec::new());
    }

    /// Says how far the work is, unless that was said a moment ago.
    pub fn progress(&self, label: impl FnOnce() -> String, done: u64, total: u64) {
        let now = self.host.now();
        if now - self.last_progress.get() >= INTERVAL {
            self.last_progress.set(now);
            let memory_bytes = self.host.memory_bytes();
            self.post(Reply::Progress { label: label(), done, total, memory_bytes });
        }
    }

    /// For loops that can't wait: breaks if the request is known to be cancelled.
    pub fn flow(&self) -> ControlFlow<()> {
        if self.host.is_cancelled(self.id) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Lets messages in now and then, and fails once one of them has cancelled the request.
    pub async fn checkpoint(&self) -> Result<(), Failure> {
        if self.host.now() - self.last_pause.get() >= INTERVAL {
            self.host.pause().await;
            self.last_pause.set(self.host.now());
        }
        if self.flow().is_break() { Err(Failure::Cancelled) } else { Ok(()) }
    }
}
