//! The tab's clock.

use std::time::Duration;

use maec_hub::Clock;

use crate::js::worker;

/// The worker's own time; waits let its messages through.
#[derive(Debug, Clone, Copy, Default)]
pub struct TabClock;

impl Clock for TabClock {
    fn now(&self) -> Duration {
        let millis =
            worker().and_then(|worker| worker.performance()).map_or(0.0, |performance| performance.now());
        Duration::try_from_secs_f64(millis / 1000.0).unwrap_or_default()
    }

    async fn sleep(&self, time: Duration) {
        gloo_timers::future::sleep(time).await;
    }
}
