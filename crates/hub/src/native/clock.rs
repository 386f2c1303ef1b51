//! The system's clock.

use std::thread;
use std::time::{Duration, Instant};

use crate::Clock;

/// Real time; waits block the thread.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, time: Duration) {
        thread::sleep(time);
    }
}
