//! Data parallel training: every rank holds the model, takes its part of each batch, and the gradients of what is
//! trained are summed over all ranks: with a mask of k₁ %, k₁ % of the traffic.

mod channel;
#[cfg(feature = "mpi")]
mod message_passing;

pub use channel::{ChannelExchange, channels};
#[cfg(feature = "mpi")]
pub use message_passing::MpiExchange;

use crate::error::TrainError;

/// How the ranks of a run sum what each has. All of them call the same methods in the same order.
pub trait Exchange: Send {
    /// This rank's number, from 0.
    fn rank(&self) -> usize;

    /// Ranks in all, at least 1.
    fn ranks(&self) -> usize;

    /// Puts the sums over all ranks in the values' place, the same bits on every rank.
    ///
    /// # Errors
    /// When a rank is lost; the values are then undefined.
    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), TrainError>;

    /// The sums of a few counts over all ranks.
    ///
    /// # Errors
    /// When a rank is lost.
    fn sum_counts(&mut self, counts: [u64; 3]) -> Result<[u64; 3], TrainError>;

    /// What this rank has sent so far.
    fn traffic(&self) -> Traffic;
}

/// What a rank gave to the exchange, by payload; how often it then travels is the exchange's own matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sums taken part in.
    pub messages: u64,
    /// Bytes of values.
    pub bytes: u64,
}

impl Traffic {
    /// One more message of so many bytes.
    fn count(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }
}
