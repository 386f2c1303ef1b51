//! Time, which tests make pass at once.

use std::future::Future;
use std::time::Duration;

/// Tells the time and waits.
pub trait Clock {
    /// Time since some fixed moment; never goes back.
    fn now(&self) -> Duration;

    /// Waits. A wait of zero lets other work of the same thread go on.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;
}
