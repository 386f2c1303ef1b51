//! Ranks that are threads of one process: every rank sends what it has to every other, and adds up in the order of the
//! ranks.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::{Exchange, Traffic};
use crate::error::TrainError;

/// What ranks tell each other.
#[derive(Debug, Clone)]
enum Message {
    Values(Arc<[f32]>),
    Counts([u64; 3]),
}

/// To another rank, and from it.
type Peer = (Sender<Message>, Receiver<Message>);

/// One rank's end of the channels. Dropping it tells the others that the rank is gone.
#[derive(Debug)]
pub struct ChannelExchange {
    rank: usize,
    /// To and from every rank; none for this one.
    peers: Vec<Option<Peer>>,
    timeout: Duration,
    traffic: Traffic,
}

/// Exchanges for so many ranks, in their order. A rank that does not answer within `timeout` is lost.
pub fn channels(ranks: usize, timeout: Duration) -> Vec<ChannelExchange> {
    let mut all: Vec<ChannelExchange> = (0..ranks)
        .map(|rank| ChannelExchange {
            rank,
            peers: (0..ranks).map(|_| None).collect(),
            timeout,
            traffic: Traffic::default(),
        })
        .collect();
    for low in 0..ranks {
        for high in low + 1..ranks {
            let ((to_high, from_low), (to_low, from_high)) = (channel(), channel());
            all[low].peers[high] = Some((to_high, from_high));
            all[high].peers[low] = Some((to_low, from_low));
        }
    }
    all
}

impl ChannelExchange {
    /// What every rank says, in the order of the ranks.
    fn gather(&self, own: Message) -> Result<Vec<Message>, TrainError> {
        let lost = |rank: usize, reason: String| TrainError::RankLost { who: format!("rank {rank}"), reason };
        for (rank, peer) in self.peers.iter().enumerate() {
            if let Some((to, _)) = peer {
                to.send(own.clone()).map_err(|_| lost(rank, "it has ended".into()))?;
            }
        }
        let receive = |(rank, peer): (usize, &Option<Peer>)| match peer {
            None => Ok(own.clone()),
            Some((_, from)) => from.recv_timeout(self.timeout).map_err(|error| match error {
                RecvTimeoutError::Disconnected => lost(rank, "it has ended".into()),
                RecvTimeoutError::Timeout => {
                    lost(rank, format!("no answer within {} s", self.timeout.as_secs_f64()))
                }
            }),
        };
        self.peers.iter().enumerate().map(receive).collect()
    }

    fn other_message(&self, rank: usize) -> TrainError {
        let reason = "it sent something else than this rank waited for".into();
        TrainError::RankLost { who: format!("rank {rank}"), reason }
    }
}

impl Exchange for ChannelExchange {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.peers.len()
    }

    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), TrainError> {
        self.traffic.count(size_of_val(values));
        let parts = self.gather(Message::Values((&*values).into()))?;
        values.fill(0.0);
        for (rank, part) in parts.into_iter().enumerate() {
            match part {
                Message::Values(part) if part.len() == values.len() => {
                    values.iter_mut().zip(part.iter()).for_each(|(sum, part)| *sum += part);
                }
                _ => return Err(self.other_message(rank)),
            }
        }
        Ok(())
    }

    fn sum_counts(&mut self, counts: [u64; 3]) -> Result<[u64; 3], TrainError> {
        self.traffic.count(size_of_val(&counts));
        let mut sums = [0u64; 3];
        for (rank, part) in self.gather(Message::Counts(counts))?.into_iter().enumerate() {
            let Message::Counts(part) = part else { return Err(self.other_message(rank)) };
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum = sum.saturating_add(part));
        }
        Ok(sums)
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_ranks<T: Send>(ranks: usize, work: impl Fn(ChannelExchange) -> T + Sync) -> Vec<T> {
        let work = &work;
        std::thread::scope(|scope| {
            let all = channels(ranks, Duration::from_secs(5)).into_iter();
            let threads: Vec<_> = all.map(|exchange| scope.spawn(move || work(exchange))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn sums_are_the_same_bits_on_every_rank_in_the_order_of_ranks() {
        // 1e8 + 1 − 1e8 depends on the order in f32.
        let parts = [1e8f32, 1.0, -1e8];
        let sums = on_ranks(3, |mut exchange| {
            let mut values = [parts[exchange.rank()], exchange.rank() as f32];
            exchange.all_reduce_sum(&mut values).unwrap();
            (values, exchange.sum_counts([1, 2, u64::MAX]).unwrap(), exchange.traffic())
        });
        let expected = (0.0 + parts[0] + parts[1]) + parts[2];
        for (values, counts, traffic) in sums {
            assert_eq!(values[0].to_bits(), expected.to_bits());
            assert_eq!((values[1], counts), (3.0, [3, 6, u64::MAX]));
            assert_eq!(traffic, Traffic { messages: 2, bytes: 8 + 24 });
        }
    }

    #[test]
    fn an_ended_or_silent_rank_is_named() {
        let results = on_ranks(3, |mut exchange| match exchange.rank() {
            1 => None,
            _ => Some(exchange.sum_counts([1; 3]).unwrap_err().to_string()),
        });
        assert!(results[0].as_ref().unwrap().contains("rank 1"), "{results:?}");
        assert!(results[2].is_some());
        let mut two = channels(2, Duration::from_millis(20));
        let error = two[0].all_reduce_sum(&mut [1.0]).unwrap_err().to_string();
        assert!(error.contains("rank 1") && error.contains("no answer within 0.02 s"), "{error}");
    }

    #[test]
    fn ranks_that_do_different_things_are_found_out() {
        let errors = on_ranks(2, |mut exchange| match exchange.rank() {
            0 => exchange.all_reduce_sum(&mut [1.0]).unwrap_err().to_string(),
            _ => exchange.sum_counts([0; 3]).unwrap_err().to_string(),
        });
        assert!(errors.iter().all(|error| error.contains("something else")), "{errors:?}");
    }
}
