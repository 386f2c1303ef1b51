//! Several ranks of one run, which `mpirun` starts: who leads, and how they are joined.

use std::env;

use anyhow::Result;
use maec_train::Trainer;

use crate::failure::usage;

/// Where a launcher says a process's rank and how many there are: Open MPI, then MPICH and others.
const VARIABLES: [[&str; 2]; 2] =
    [["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"], ["PMI_RANK", "PMI_SIZE"]];

/// This process among the ranks of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranks {
    rank: usize,
    ranks: usize,
}

impl Ranks {
    /// As the launcher says. Fails where there are several and this build can't join them.
    pub fn find() -> Result<Self> {
        let ranks = Self::read(|name| env::var(name).ok()?.parse().ok());
        if ranks.ranks > 1 && !cfg!(feature = "mpi") {
            return Err(usage(
                "this build trains on one rank; build maec with the feature mpi, or leave mpirun out",
            ));
        }
        Ok(ranks)
    }

    fn read(variable: impl Fn(&str) -> Option<usize>) -> Self {
        let found = VARIABLES.iter().find_map(|[rank, ranks]| Some((variable(rank)?, variable(ranks)?)));
        let (rank, ranks) = found.unwrap_or((0, 1));
        Self { rank, ranks }
    }

    /// Whether this rank writes and says what comes of the run.
    pub fn leads(self) -> bool {
        self.rank == 0
    }

    /// Whether there are others.
    pub fn several(self) -> bool {
        self.ranks > 1
    }

    /// Gives a trainer its part of every step's batch.
    #[cfg(feature = "mpi")]
    pub fn join(self, trainer: Trainer) -> Result<Trainer> {
        /// Longer than a rank may take for a checkpoint.
        const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(600);
        if !self.several() {
            return Ok(trainer);
        }
        let exchange = maec_train::parallel::MpiExchange::start(TIMEOUT, crate::interrupt::requested)?;
        Ok(trainer.share(exchange))
    }

    /// Gives a trainer its part of every step's batch: all of it.
    #[cfg(not(feature = "mpi"))]
    pub fn join(self, trainer: Trainer) -> Result<Trainer> {
        Ok(trainer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_launcher_says_who_leads() {
        let with = |known: [(&'static str, usize); 2]| {
            Ranks::read(move |name| known.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
        };
        let open = with([("OMPI_COMM_WORLD_RANK", 1), ("OMPI_COMM_WORLD_SIZE", 2)]);
        assert!(open.several() && !open.leads());
        let other = with([("PMI_RANK", 0), ("PMI_SIZE", 4)]);
        assert!(other.several() && other.leads());
        let alone = with([("PMI_RANK", 3), ("OTHER", 4)]);
        assert!(!alone.several() && alone.leads());
    }
}
