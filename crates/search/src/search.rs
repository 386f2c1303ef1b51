//! Which choices are tried: a grid, random draws, or where a model of the trials so far expects the best.

use serde::{Deserialize, Serialize};

use crate::{Choice, SearchError, Space, draw};

/// Most trials of a search.
pub const MOST_TRIALS: usize = 100_000;

/// How choices are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// Every combination of `per` evenly spaced values of every range, and of all values of every list.
    Grid {
        /// Values of a range.
        per: usize,
    },
    /// Uniform draws.
    Random {
        /// How many.
        trials: usize,
    },
    /// 24 uniform draws, then batches of four: three from tree-structured Parzen estimators (Bergstra et al. 2011), one for each
    /// hyper-parameter, over all trials of the batches before, and a uniform draw. The companion's alone.
    Model {
        /// How many.
        trials: usize,
    },
}

impl Search {
    /// The finest grid within a number of trials.
    ///
    /// # Errors
    /// [`SearchError::SmallGrid`] where even two values of every range are more.
    pub fn grid_within(space: &Space, trials: usize) -> Result<Self, SearchError> {
        let fits = |per: &usize| space.grid_size(*per).is_some_and(|size| size <= trials);
        if !fits(&2) {
            return Err(SearchError::SmallGrid { least: space.grid_size(2).unwrap_or(usize::MAX) });
        }
        // Without a range every grid is the same.
        let most = if space.grid_size(3) == space.grid_size(2) { 2 } else { trials };
        let (mut low, mut high) = (2, most.max(2));
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if fits(&middle) { low = middle } else { high = middle - 1 }
        }
        Ok(Self::Grid { per: low })
    }

    /// Trials in all.
    pub fn trials(&self, space: &Space) -> usize {
        match self {
            Self::Grid { per } => space.grid_size(*per).unwrap_or(usize::MAX),
            Self::Random { trials } | Self::Model { trials } => *trials,
        }
    }

    /// All choices in order, where they are known before any trial is made; `None` for a model's.
    pub fn choices(&self, space: &Space, seed: u64) -> Option<Vec<Choice>> {
        match self {
            Self::Grid { per } => Some(space.grid(*per)),
            Self::Random { trials } => Some((0..*trials).map(|number| draw(space, seed, number)).collect()),
            Self::Model { .. } => None,
        }
    }

    /// Refuses a search without trials, or with too many.
    ///
    /// # Errors
    /// [`SearchError::SmallGrid`] and [`SearchError::Trials`].
    pub fn check(&self, space: &Space) -> Result<(), SearchError> {
        if matches!(self, Self::Grid { per } if *per < 2) {
            return Err(SearchError::SmallGrid { least: space.grid_size(2).unwrap_or(usize::MAX) });
        }
        let trials = self.trials(space);
        if (1..=MOST_TRIALS).contains(&trials) { Ok(()) } else { Err(SearchError::Trials { trials }) }
    }
}
