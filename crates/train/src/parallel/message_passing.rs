//! Ranks that are processes, on one host or several, over MPI: `mpirun -n N …`.
//!
//! A thread of its own makes every MPI call, and the training thread waits for its answers with a deadline: a collective
//! whose peers are gone never returns, and a rank must still be able to write its checkpoint and end.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mpi::Threading;
use mpi::collective::SystemOperation;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives};

use super::{Exchange, Traffic};
use crate::error::TrainError;

/// Values of one collective; MPI counts them in an `int`.
const CHUNK: usize = 1 << 24;
/// How often a waiting rank looks whether it is asked to end.
const GLANCE: Duration = Duration::from_millis(20);

/// What is summed over all ranks, and its sums.
enum Sum {
    Values(Vec<f32>),
    Counts([u64; 3]),
}

/// This process's rank.
///
/// On a normal end, dropping it waits for the other ranks' (MPI_Finalize). After a rank is lost it does not: the process
/// should then end.
pub struct MpiExchange {
    rank: usize,
    ranks: usize,
    requests: Option<Sender<Sum>>,
    answers: Receiver<Sum>,
    thread: Option<JoinHandle<()>>,
    timeout: Duration,
    asked_to_end: Box<dyn Fn() -> bool + Send>,
    traffic: Traffic,
}

impl MpiExchange {
    /// Joins the run that `mpirun` started. A sum that takes longer than `timeout` is a lost rank, and so is
    /// `asked_to_end` while one waits: `mpirun` sends SIGTERM to the others when a rank dies.
    ///
    /// # Errors
    /// When MPI can't be started, or was already in this process.
    pub fn start(
        timeout: Duration,
        asked_to_end: impl Fn() -> bool + Send + 'static,
    ) -> Result<Self, TrainError> {
        let failed = |reason: &str| TrainError::Device(format!("MPI {reason}; start the ranks with mpirun"));
        let (requests, work) = channel::<Sum>();
        let (answer, answers) = channel();
        let (tell, told) = channel();
        let thread = std::thread::spawn(move || {
            let universe = mpi::initialize_with_threading(Threading::Funneled);
            let Some((universe, _)) = universe else { return };
            let world = universe.world();
            if tell.send((world.rank() as usize, world.size() as usize)).is_err() {
                return;
            }
            for sum in work {
                if answer.send(over(&world, sum)).is_err() {
                    return;
                }
            }
        });
        let (rank, ranks) = told.recv().map_err(|_| failed("was already started or can't be"))?;
        Ok(Self {
            rank,
            ranks,
            requests: Some(requests),
            answers,
            thread: Some(thread),
            timeout,
            asked_to_end: Box::new(asked_to_end),
            traffic: Traffic::default(),
        })
    }

    fn sum(&mut self, sum: Sum) -> Result<Sum, TrainError> {
        let lost = |reason: &str| TrainError::RankLost { who: "another rank".into(), reason: reason.into() };
        let ended = || lost("MPI has ended");
        self.requests.as_ref().ok_or_else(ended)?.send(sum).map_err(|_| ended())?;
        let start = Instant::now();
        let reason = loop {
            match self.answers.recv_timeout(GLANCE) {
                Ok(sum) => return Ok(sum),
                Err(RecvTimeoutError::Disconnected) => break "MPI has ended",
                Err(RecvTimeoutError::Timeout) if (self.asked_to_end)() => break "this rank was asked to end",
                Err(RecvTimeoutError::Timeout) if start.elapsed() > self.timeout => break "no answer in time",
                Err(RecvTimeoutError::Timeout) => (),
            }
        };
        // The thread may wait for ever: nobody joins it.
        (self.requests, self.thread) = (None, None);
        Err(lost(reason))
    }
}

/// The sums over all ranks; their order is MPI's.
fn over(world: &SimpleCommunicator, sum: Sum) -> Sum {
    match sum {
        Sum::Values(values) => {
            let mut sums = vec![0.0f32; values.len()];
            for (values, sums) in values.chunks(CHUNK).zip(sums.chunks_mut(CHUNK)) {
                world.all_reduce_into(values, sums, SystemOperation::sum());
            }
            Sum::Values(sums)
        }
        Sum::Counts(counts) => {
            let mut sums = [0u64; 3];
            world.all_reduce_into(&counts[..], &mut sums[..], SystemOperation::sum());
            Sum::Counts(sums)
        }
    }
}

impl Exchange for MpiExchange {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.ranks
    }

    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), TrainError> {
        self.traffic.count(size_of_val(values));
        if let Sum::Values(sums) = self.sum(Sum::Values(values.to_vec()))? {
            values.copy_from_slice(&sums);
        }
        Ok(())
    }

    fn sum_counts(&mut self, counts: [u64; 3]) -> Result<[u64; 3], TrainError> {
        self.traffic.count(size_of_val(&counts));
        match self.sum(Sum::Counts(counts))? {
            Sum::Counts(sums) => Ok(sums),
            Sum::Values(_) => Ok(counts),
        }
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }
}

impl Drop for MpiExchange {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been seen as a lost rank.
            let _ = thread.join();
        }
    }
}
