//! A search from its plan to its outcome.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use maec_search::Journal;

use super::model::ask;
use super::{Plan, Scorer, SearchError, Trial, TuneError, Tuning};
use crate::{LabError, MaecChoice, Scores};

/// How far a search is.
#[derive(Debug, Clone, Copy)]
pub struct Advance<'a> {
    /// The trial that was made; none where trials were found in the journal.
    pub trial: Option<&'a Trial>,
    /// Trials there are, those of the journal among them.
    pub done: usize,
    /// Trials in all.
    pub trials: usize,
}

/// Makes a search's trials, `threads` at a time, each on the scorer's own number of threads.
///
/// The outcome depends on the plan and the scorer alone: not on threads, nor on where an earlier start was cut. With a journal,
/// every trial that it holds is taken from it and every new one added. `watch` hears of every trial and may break off.
///
/// # Errors
/// Where the plan or the journal is refused, a merge or an exam fails, or `watch` broke off; what was finished is in the journal.
pub fn tune(
    plan: &Plan,
    scorer: &dyn Scorer,
    journal: Option<&Path>,
    threads: NonZeroUsize,
    watch: &(dyn Fn(Advance<'_>) -> ControlFlow<()> + Sync),
) -> Result<Tuning, TuneError> {
    plan.check()?;
    let (file, found) = match journal {
        Some(path) => Journal::open(path, plan).map(|(journal, found)| (Some(journal), found))?,
        None => (None, Vec::new()),
    };
    let found: BTreeMap<usize, Trial> = found.into_iter().map(|trial| (trial.number, trial)).collect();
    let base: Vec<Scores> = scorer.base().iter().copied().map(Scores::finite).collect();
    let total = plan.search.trials(&plan.space);
    let mut trials: Vec<Trial> = Vec::new();
    while trials.len() < total {
        let known: Vec<_> = trials.iter().map(|trial| (trial.choice, plan.objective.worth(trial))).collect();
        let asked = ask(plan.search, &plan.space, plan.seed, &known);
        let first = trials.len();
        let (mut made, mut missing) = (Vec::new(), Vec::new());
        for (number, choice) in (first..).zip(asked) {
            match found.get(&number) {
                Some(trial) if trial.choice == choice => made.push(trial.clone()),
                _ => missing.push((number, choice)),
            }
        }
        let before = first + made.len();
        if !made.is_empty() {
            go_on(watch(Advance { trial: None, done: before, trials: total }))?;
        }
        let bench = Bench { scorer, base: &base, journal: file.as_ref(), watch, before, total };
        made.extend(bench.score(missing, threads)?);
        made.sort_by_key(|trial| trial.number);
        trials.extend(made);
    }
    Tuning::new(plan.clone(), base, trials).ok_or(SearchError::Trials { trials: 0 }.into())
}

fn go_on(flow: ControlFlow<()>) -> Result<(), TuneError> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(LabError::Interrupted { doing: "tuning".into() }.into()),
    }
}

/// What the threads of one round share.
struct Bench<'a> {
    scorer: &'a dyn Scorer,
    base: &'a [Scores],
    journal: Option<&'a Journal>,
    watch: &'a (dyn Fn(Advance<'_>) -> ControlFlow<()> + Sync),
    before: usize,
    total: usize,
}

/// Trials to make, and those that were made.
struct Round {
    missing: std::vec::IntoIter<(usize, MaecChoice)>,
    made: Vec<Trial>,
    failed: Option<TuneError>,
}

impl Bench<'_> {
    fn score(
        &self,
        missing: Vec<(usize, MaecChoice)>,
        threads: NonZeroUsize,
    ) -> Result<Vec<Trial>, TuneError> {
        let threads = threads.get().min(missing.len());
        let round = Mutex::new(Round { missing: missing.into_iter(), made: Vec::new(), failed: None });
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| self.work(&round));
            }
        });
        let round = round.into_inner().unwrap_or_else(PoisonError::into_inner);
        round.failed.map_or(Ok(round.made), Err)
    }

    /// Makes trials until there are no more, or one failed.
    fn work(&self, round: &Mutex<Round>) {
        let lock = || round.lock().unwrap_or_else(PoisonError::into_inner);
        // A trial's operations stay within its own threads.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.scorer.threads().get()).build();
        let pool = match pool {
            Ok(pool) => pool,
            Err(error) => return lock().failed = Some(TuneError::Threads(error.to_string())),
        };
        loop {
            let next = {
                let mut round = lock();
                if round.failed.is_some() { None } else { round.missing.next() }
            };
            let Some((number, choice)) = next else { return };
            let trial = pool
                .install(|| self.scorer.score(&choice))
                .map_err(TuneError::from)
                .map(|scores| Trial::new(number, choice, scores, self.base))
                .and_then(|trial| {
                    self.journal.map_or(Ok(()), |journal| journal.add(&trial))?;
                    Ok(trial)
                });
            let mut round = lock();
            let made = trial.and_then(|trial| {
                let done = self.before + round.made.len() + 1;
                let flow = (self.watch)(Advance { trial: Some(&trial), done, trials: self.total });
                round.made.push(trial);
                go_on(flow)
            });
            if let Err(error) = made {
                round.failed.get_or_insert(error);
            }
        }
    }
}
