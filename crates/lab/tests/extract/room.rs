//! Trainings that do not fit into memory.

use std::cell::RefCell;
use std::ops::ControlFlow;

use burn::tensor::Device;
use maec_checkpoint::Dtype;
use maec_lab::{Base, FilesGround, Ground, Lab, LabError, News, NoRoom, Share, Store, Watch};
use maec_model::ModelConfig;
use maec_train::{Sequences, TrainConfig};

use super::Counting;
use super::files::Place;

/// A ground with so many bytes of memory, where it says so.
struct Small<'a>(&'a FilesGround, Option<u64>);

impl Ground for Small<'_> {
    fn identity(&self) -> &str {
        self.0.identity()
    }

    fn model(&self) -> &ModelConfig {
        self.0.model()
    }

    fn base(&self) -> Base {
        self.0.base()
    }

    fn sequences(&self, corpora: &[Share]) -> Result<Box<dyn Sequences>, LabError> {
        self.0.sequences(corpora)
    }

    fn config(&self, steps: u32, rate: f64, fresh: bool) -> TrainConfig {
        self.0.config(steps, rate, fresh)
    }

    fn device(&self) -> Device {
        self.0.device()
    }

    fn free_memory(&self) -> Option<u64> {
        self.1
    }
}

/// Hears warnings.
#[derive(Default)]
struct Warned(RefCell<Vec<String>>);

impl Watch for Warned {
    fn step(&self, _: News<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn warn(&self, message: &str) {
        self.0.borrow_mut().push(message.to_owned());
    }
}

#[test]
fn what_does_not_fit_is_refused_before_the_first_step() {
    let place = Place::new(Dtype::F32);
    let ground = place.open(place.experiment(""));
    let run = ground.catalog("science").unwrap().reference();
    let store = Store::memory();
    let train = |free: u64, watch: &dyn Watch| {
        Lab { ground: &Small(&ground, Some(free)), store: &store, watch }.train(&run).map(|_| ())
    };
    let watch = Counting::default();
    let refused = |free: u64| match train(free, &watch).unwrap_err() {
        error @ LabError::NoRoom { .. } => error,
        error => panic!("{error}"),
    };
    let weights = 4 * ground.model().parameters() as u64;
    let none = refused(weights - 1);
    assert!(
        matches!(&none, LabError::NoRoom { source: NoRoom::Weights { needed, .. }, .. } if *needed == weights)
    );
    let said = none.to_string();
    assert!(
        said.starts_with("training key neurons of en: out of memory") && said.contains("lower k1"),
        "{said}"
    );
    // The first to be trained is what ranks neurons: of all parameters.
    let LabError::NoRoom { source: NoRoom::Step { needed, .. }, .. } = refused(weights) else { panic!() };
    assert!(needed > 8 * ground.model().parameters() as u64);
    refused(needed - 1);
    assert_eq!(watch.steps.get(), 0);
    let warned = Warned::default();
    train(needed, &warned).unwrap();
    let said = warned.0.into_inner();
    assert!(said.iter().any(|said| said.starts_with("key neurons of en: a step likely takes")), "{said:?}");
}

/// The check draws the first step's sequences and puts them back.
#[test]
fn a_checked_training_comes_to_the_same_bits() {
    let place = Place::new(Dtype::F32);
    let ground = place.open(place.experiment(""));
    let run = ground.catalog("science").unwrap().ability_and_reference();
    let watch = Counting::default();
    let hash = |ground: &dyn Ground| {
        let store = Store::memory();
        Lab { ground, store: &store, watch: &watch }.train(&run).unwrap().provenance.hash.clone()
    };
    assert_eq!(hash(&Small(&ground, Some(u64::MAX))), hash(&Small(&ground, None)));
}
