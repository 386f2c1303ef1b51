//! Several ranks over channels: one rank's losses, k₁ % of the traffic, and what is left when a rank dies.

use std::sync::Mutex;
use std::time::Duration;

use crate::common::{device, distance, every, fresh, losses, mixture, model_config, settings, share, values};
use maec_train::parallel::{ChannelExchange, Exchange, channels};
use maec_train::{KeyNeurons, LoraConfig, Snapshot, TrainConfig, TrainError, Trainer};

/// Runs something on every rank, a thread each.
fn on_ranks<T: Send>(ranks: usize, work: impl Fn(ChannelExchange) -> T + Sync) -> Vec<T> {
    let work = &work;
    std::thread::scope(|scope| {
        let all = channels(ranks, Duration::from_secs(20)).into_iter();
        let threads: Vec<_> = all.map(|exchange| scope.spawn(move || work(exchange))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// A large ε keeps Adam from turning rounding errors of tiny gradients into whole steps.
fn smooth() -> TrainConfig {
    TrainConfig { epsilon: 1e-3, ..settings() }
}

fn trainer(config: TrainConfig, neurons: Option<KeyNeurons>) -> Trainer {
    Trainer::new(fresh(model_config()), config, mixture(), neurons).unwrap()
}

#[test]
fn losses_are_those_of_one_rank_with_the_same_batch() {
    let neurons = every(&fresh(model_config()), 20, 1);
    for neurons in [None, Some(neurons)] {
        for micro_sequences in [None, Some(2)] {
            let config = TrainConfig { micro_sequences, ..smooth() };
            let mut one = trainer(config.clone(), neurons.clone());
            let expected = losses(&mut one, 12);
            // Three ranks share eight sequences unevenly.
            for ranks in [2, 3] {
                let all = on_ranks(ranks, |exchange| {
                    let mut trainer = trainer(config.clone(), neurons.clone()).share(exchange);
                    (losses(&mut trainer, 12), trainer.tokens(), values(&trainer.model()))
                });
                for (found, tokens, model) in &all {
                    assert!(distance(found, &expected) < 1e-5, "{found:?} against {expected:?}");
                    assert_eq!(*tokens, one.tokens());
                    assert!(*model == all[0].2, "all ranks end with the same bits");
                }
            }
        }
    }
}

#[test]
fn a_rank_without_a_share_takes_part() {
    let config = TrainConfig { sequences_per_step: 2, ..smooth() };
    let expected = losses(&mut trainer(config.clone(), None), 4);
    let all = on_ranks(4, |exchange| losses(&mut trainer(config.clone(), None).share(exchange), 4));
    all.iter().for_each(|found| assert!(distance(found, &expected) < 1e-5));
}

#[test]
fn adapters_are_trained_in_parallel_too() {
    let lora =
        || Trainer::with_lora(fresh(model_config()), smooth(), mixture(), LoraConfig::default()).unwrap();
    let expected = losses(&mut lora(), 6);
    let all = on_ranks(2, |exchange| losses(&mut lora().share(exchange), 6));
    all.iter().for_each(|found| assert!(distance(found, &expected) < 1e-5));
}

/// Beside the gradients, a step exchanges its loss (4 bytes) and three counts (24 bytes).
#[test]
fn a_mask_of_5_percent_has_5_percent_of_the_traffic() {
    let bytes = |neurons: Option<KeyNeurons>| {
        let all = on_ranks(2, |exchange| {
            let mut trainer = trainer(smooth(), neurons.clone()).share(exchange);
            losses(&mut trainer, 3);
            (trainer.exchange().unwrap().traffic().bytes, trainer.memory().trained)
        });
        assert_eq!(all[0], all[1]);
        let (bytes, trained) = all[0];
        assert_eq!(bytes, 3 * (4 * trained + 4 + 24));
        4 * trained
    };
    let share = bytes(Some(self::share(&fresh(model_config()), 0.05, 3))) as f64 / bytes(None) as f64;
    assert!((0.0499..0.0501).contains(&share), "{share}");
}

/// The exchange of a rank that is killed in the middle of its so-manieth sum of gradients.
struct Dying(ChannelExchange, u32);

impl Exchange for Dying {
    fn rank(&self) -> usize {
        self.0.rank()
    }
    fn ranks(&self) -> usize {
        self.0.ranks()
    }
    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), TrainError> {
        self.1 -= 1;
        match self.1 {
            0 => Err(TrainError::Device("killed".into())),
            _ => self.0.all_reduce_sum(values),
        }
    }
    fn sum_counts(&mut self, counts: [u64; 3]) -> Result<[u64; 3], TrainError> {
        self.0.sum_counts(counts)
    }
    fn traffic(&self) -> maec_train::parallel::Traffic {
        self.0.traffic()
    }
}

#[test]
fn a_ranks_death_ends_the_others_with_a_checkpoint_that_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let left = Mutex::new(Vec::new());
    let neurons = every(&fresh(model_config()), 10, 0);
    on_ranks(3, |exchange| {
        let rank = exchange.rank();
        let trainer = trainer(smooth(), Some(neurons.clone()));
        // Rank 1 dies in its sixth step.
        let mut trainer = match rank {
            1 => trainer.share(Dying(exchange, 6)),
            _ => trainer.share(exchange),
        };
        let error = loop {
            if let Err(error) = trainer.step() {
                break error;
            }
        };
        if rank == 1 {
            return;
        }
        assert!(matches!(error, TrainError::RankLost { .. }), "{error}");
        let snapshot = trainer.snapshot().unwrap();
        assert_eq!(snapshot.progress.step, 5);
        let mut left = left.lock().unwrap();
        if left.is_empty() {
            snapshot.save(&path).unwrap();
        }
        left.push(snapshot);
    });
    let left = left.into_inner().unwrap();
    assert!(left.len() == 2 && left[0] == left[1], "the survivors hold the same");
    // The run goes on with two ranks from what one of three left.
    let mut whole = trainer(smooth(), Some(neurons));
    let expected = losses(&mut whole, 12);
    let all = on_ranks(2, |exchange| {
        let snapshot = Snapshot::load(&path).unwrap();
        let resumed = Trainer::resume(snapshot, model_config(), smooth(), mixture(), &device()).unwrap();
        losses(&mut resumed.share(exchange), 7)
    });
    all.iter().for_each(|found| assert!(distance(found, &expected[5..]) < 1e-5));
}

#[test]
fn ranks_of_different_runs_are_refused() {
    let errors = on_ranks(2, |exchange| {
        let sequences_per_step = 8 + exchange.rank() as u32;
        let config = TrainConfig { sequences_per_step, ..smooth() };
        trainer(config, None).share(exchange).step().unwrap_err().to_string()
    });
    assert!(errors.iter().any(|error| error.contains("disagree about the batch")), "{errors:?}");
    let errors = on_ranks(2, |exchange| {
        let neurons = (exchange.rank() == 1).then(|| every(&fresh(model_config()), 5, 0));
        trainer(smooth(), neurons).share(exchange).step().unwrap_err().to_string()
    });
    assert!(errors.iter().all(|error| error.contains("disagree about what is trained")), "{errors:?}");
}

/// One rank's loss is not a number: all of them stop at that step.
#[test]
fn divergence_on_one_rank_stops_all() {
    let errors = on_ranks(2, |exchange| {
        let model = match exchange.rank() {
            0 => fresh(model_config()),
            _ => fresh(model_config()).map_parameters(&mut |_, value| value * f32::NAN),
        };
        let trainer = Trainer::new(model, smooth(), mixture(), None).unwrap();
        trainer.share(exchange).step().unwrap_err().to_string()
    });
    assert!(errors.iter().all(|error| error.contains("diverged at step 1")), "{errors:?}");
    assert!(errors[1].contains("`model.embed_tokens.weight`"), "{errors:?}");
}
