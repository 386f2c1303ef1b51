//! Trains what is asked for, once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use maec_checkpoint::{Dtype, MemoryWeights, Weights};
use maec_model::Decoder;
use maec_train::{KeyNeurons, Random, Snapshot, TrainConfig, TrainError, Trainer, importance};

use crate::error::LabError;
use crate::exact::GradientSums;
use crate::ground::{Base, Ground};
use crate::room::{Advice, Need, NoRoom, check_weights};
use crate::run::{Form, Ranking, Run, Start, Trains};
use crate::store::{Provenance, Store, hash_of, neurons_hash, start_of};
use crate::watch::{News, Watch};

/// Standard deviation of fresh weights.
const SPREAD: f32 = 0.02;
/// Stream of the seed that fresh weights are drawn from.
const WEIGHTS: u64 = 1 << 40;

/// A trained model and what is known of it.
#[derive(Clone)]
pub struct Trained {
    /// Its weights, rounded to the ground's dtype.
    pub weights: Arc<dyn Weights>,
    /// What it is and what it took.
    pub provenance: Arc<Provenance>,
}

/// A bench to train at: a ground, a store and who watches.
pub struct Lab<'a> {
    /// What is trained and on what.
    pub ground: &'a dyn Ground,
    /// Where outcomes are kept.
    pub store: &'a Store,
    /// Who hears of it.
    pub watch: &'a dyn Watch,
}

/// What came out of a training beside the weights.
struct Took {
    tokens: u64,
    seconds: f64,
    losses: Vec<f32>,
    start: Option<String>,
    memory: maec_train::StateMemory,
    config: TrainConfig,
}

/// What a training is for.
enum For<'a> {
    /// Its outcome, in the ground's dtype.
    Weights,
    /// What it changed, in f32.
    Changes,
    /// The sums of its gradients.
    Gradients(&'a mut GradientSums),
}

impl Lab<'_> {
    /// Θo.
    ///
    /// # Errors
    /// As [`train`](Self::train).
    pub fn base(&self) -> Result<Arc<dyn Weights>, LabError> {
        match self.ground.base() {
            Base::Given(weights) => Ok(weights),
            Base::Trained(run) => Ok(self.train(&run)?.weights),
        }
    }

    /// The outcome of a run, from the store or trained now.
    ///
    /// # Errors
    /// When a training diverges or is broken off, a corpus is missing, or the store can't be read or written.
    pub fn train(&self, run: &Run) -> Result<Trained, LabError> {
        let key = run.key(self.ground.identity());
        let start = self.start(&run.start)?;
        // Where only key neurons change, what is kept is what changed.
        let masked = matches!(run.trains, Trains::KeyNeurons(_) | Trains::RandomNeurons { .. });
        let base = start.as_ref().filter(|_| masked);
        if let Some((weights, provenance)) = self.store.weights(&key, base)? {
            self.watch.found(&run.name, run.steps);
            return Ok(Trained { weights, provenance });
        }
        let neurons = self.neurons_of(&run.trains)?;
        let (weights, took) = self.go(&key, run, start.as_ref(), neurons, For::Weights)?;
        let hash = hash_of(&weights)?;
        let made = serde_json::to_value(run).expect("a description serialises");
        let provenance = self.provenance(key, &run.name, made, hash, took);
        let (weights, provenance) = self.store.put_weights(weights, base, provenance)?;
        Ok(Trained { weights, provenance })
    }

    /// Eq. 1: the key neurons of a ranking, from the store or found now.
    ///
    /// # Errors
    /// As [`train`](Self::train).
    pub fn rank(&self, ranking: &Ranking) -> Result<(Arc<KeyNeurons>, Arc<Provenance>), LabError> {
        let key = ranking.key(self.ground.identity());
        if let Some(found) = self.store.neurons(&key)? {
            self.watch.found(&ranking.name, ranking.steps);
            return Ok(found);
        }
        let run = ranking.run();
        let base = self.base()?;
        let mut sums = GradientSums::default();
        let purpose = match ranking.form {
            Form::Change => For::Changes,
            Form::Gradient => For::Gradients(&mut sums),
        };
        let (after, took) = self.go(&key, &run, Some(&base), None, purpose)?;
        let scores = match ranking.form {
            Form::Gradient => sums.finish(),
            Form::Change => {
                let mut scores = BTreeMap::new();
                for info in after.tensors() {
                    let (before, after) = (base.read_f32(&info.name)?, after.read_f32(&info.name)?);
                    scores.insert(info.name.clone(), importance(&before, &after, took.config.learning_rate));
                }
                scores
            }
        };
        let neurons = KeyNeurons::select(&scores, ranking.k1).map_err(failed(&ranking.name))?;
        let made = serde_json::to_value(ranking).expect("a description serialises");
        let provenance = self.provenance(key, &ranking.name, made, neurons_hash(&neurons), took);
        self.store.put_neurons(neurons, provenance)
    }

    fn start(&self, start: &Start) -> Result<Option<Arc<dyn Weights>>, LabError> {
        Ok(match start {
            Start::Fresh => None,
            Start::Base => Some(self.base()?),
            Start::After(run) => Some(self.train(run)?.weights),
        })
    }

    /// The mask of a run, if it has one.
    fn neurons_of(&self, trains: &Trains) -> Result<Option<KeyNeurons>, LabError> {
        let union = |rankings: &[Ranking]| -> Result<KeyNeurons, LabError> {
            let mut union = KeyNeurons::default();
            for ranking in rankings {
                union = union.union(self.rank(ranking)?.0.as_ref());
            }
            Ok(union)
        };
        Ok(match trains {
            Trains::All | Trains::Lora(_) => None,
            Trains::KeyNeurons(rankings) => Some(union(rankings)?),
            Trains::RandomNeurons { like, seed } => Some(random(&*self.base()?, union(like)?.len(), *seed)),
        })
    }

    fn go(
        &self,
        key: &str,
        run: &Run,
        start: Option<&Arc<dyn Weights>>,
        neurons: Option<KeyNeurons>,
        mut purpose: For<'_>,
    ) -> Result<(MemoryWeights, Took), LabError> {
        let config = self.ground.config(run.steps, run.rate, start.is_none());
        let every = self.ground.checkpoint_every();
        let checkpoint = self.store.checkpoint(key).filter(|_| every > 0);
        let mut trainer =
            self.trainer(run, start, neurons, config.clone(), checkpoint.as_deref(), &mut purpose)?;
        self.check_room(run, &mut trainer)?;
        let begun = Instant::now();
        let before = trainer.tokens();
        let mut losses = Vec::new();
        while !trainer.finished() {
            let report = match &mut purpose {
                For::Gradients(sums) => trainer.step_seeing(&mut |gradients| sums.add(gradients)),
                For::Weights | For::Changes => trainer.step(),
            };
            let report = report.map_err(failed(&run.name))?;
            losses.push(report.loss);
            let going_on = self.watch.step(News {
                name: &run.name,
                step: report.step,
                steps: run.steps,
                loss: report.loss,
                tokens_per_second: (trainer.tokens() - before) as f64 / begun.elapsed().as_secs_f64(),
            });
            if let Some(path) = &checkpoint
                && (report.step.is_multiple_of(every) || going_on.is_break())
            {
                self.store.make_folder()?;
                let snapshot = trainer.snapshot();
                let saved = snapshot.and_then(|snapshot| match &mut purpose {
                    For::Gradients(sums) => sums.save(snapshot, path),
                    For::Weights | For::Changes => snapshot.save(path),
                });
                saved.map_err(failed(&run.name))?;
            }
            if going_on.is_break() {
                return Err(LabError::Interrupted { doing: format!("training {}", run.name) });
            }
        }
        let dtype = match purpose {
            For::Weights => self.ground.dtype(),
            For::Changes | For::Gradients(_) => Dtype::F32,
        };
        let weights = trainer.weights(&run.name, dtype).map_err(failed(&run.name))?;
        let seconds = begun.elapsed().as_secs_f64();
        let start = start.map(|start| start_of(start.as_ref())).transpose()?;
        let took =
            Took { tokens: trainer.tokens(), seconds, losses, start, memory: trainer.memory(), config };
        Ok((weights, took))
    }

    fn trainer(
        &self,
        run: &Run,
        start: Option<&Arc<dyn Weights>>,
        neurons: Option<KeyNeurons>,
        config: TrainConfig,
        checkpoint: Option<&std::path::Path>,
        purpose: &mut For<'_>,
    ) -> Result<Trainer, LabError> {
        let device = self.ground.device().autodiff();
        let sequences = self.ground.sequences(&run.corpora)?;
        let shape = self.ground.model().clone();
        if let Some(free) = self.ground.free_memory() {
            let bytes = self.ground.storage().bytes(&shape);
            check_weights(bytes, free, &Advice::KEYS).map_err(no_room(&run.name))?;
        }
        if let Some(path) = checkpoint.filter(|path| path.exists()) {
            let mut snapshot = Snapshot::load(path).map_err(failed(&run.name))?;
            let whole = match purpose {
                For::Gradients(sums) => GradientSums::of(&mut snapshot).map(|found| **sums = found).is_some(),
                For::Weights | For::Changes => true,
            };
            // Without its sums a ranking begins again.
            if whole {
                return Trainer::resume(snapshot, shape, config, sequences, &device)
                    .map_err(failed(&run.name));
            }
        }
        let model = match start {
            Some(weights) => Decoder::load_as(shape, weights.as_ref(), &device, self.ground.storage())?,
            None => {
                let mut random = Random::new(config.seed, WEIGHTS);
                Decoder::init(shape, &device, SPREAD, &mut || random.normal())
            }
        };
        let trainer = match &run.trains {
            Trains::Lora(lora) => Trainer::with_lora(model, config, sequences, lora.clone()),
            _ => Trainer::new(model, config, sequences, neurons),
        };
        trainer.map_err(failed(&run.name))
    }

    /// Refuses a training that does not fit beside its weights, which are there.
    fn check_room(&self, run: &Run, trainer: &mut Trainer) -> Result<(), LabError> {
        let Some(free) = self.ground.free_memory().filter(|_| !trainer.finished()) else { return Ok(()) };
        let need = Need::of(trainer).map_err(failed(&run.name))?;
        let warning = need.check(free, &Advice::KEYS).map_err(no_room(&run.name))?;
        if let Some(warning) = warning {
            self.watch.warn(&format!("{}: {warning}", run.name));
        }
        Ok(())
    }

    fn provenance(
        &self,
        key: String,
        name: &str,
        made: serde_json::Value,
        hash: String,
        took: Took,
    ) -> Provenance {
        Provenance {
            key,
            name: name.to_owned(),
            identity: self.ground.identity().to_owned(),
            made,
            maec: env!("CARGO_PKG_VERSION").to_owned(),
            hash,
            start: took.start,
            tokens: took.tokens,
            seconds: took.seconds,
            memory: Some(took.memory),
            losses: took.losses,
        }
    }
}

fn failed(name: &str) -> impl Fn(TrainError) -> LabError + '_ {
    move |source| LabError::training(name, source)
}

fn no_room(name: &str) -> impl Fn(NoRoom) -> LabError + '_ {
    move |source| LabError::NoRoom { name: name.to_owned(), source }
}

/// `count` different parameters of a model, each as likely as any other.
fn random(weights: &dyn Weights, count: usize, seed: u64) -> KeyNeurons {
    let sizes: Vec<(String, usize)> =
        weights.tensors().iter().map(|info| (info.name.clone(), info.elements())).collect();
    let all: usize = sizes.iter().map(|(_, size)| size).sum();
    let mut random = Random::new(seed, WEIGHTS + 1);
    let mut chosen = BTreeSet::new();
    while chosen.len() < count.min(all) {
        chosen.insert((random.unit() * all as f64) as usize);
    }
    let mut positions: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    let (mut first, mut sizes) = (0, sizes.into_iter().peekable());
    for index in chosen {
        while let Some((_, size)) = sizes.peek()
            && index >= first + size
        {
            first += size;
            sizes.next();
        }
        if let Some((name, _)) = sizes.peek() {
            positions.entry(name.clone()).or_default().push((index - first) as u32);
        }
    }
    KeyNeurons::from_positions(positions)
}
