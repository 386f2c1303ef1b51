//! What is held of outcomes, and what a broken-off ranking leaves.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use maec_checkpoint::{Dtype, Error, TensorInfo, Weights};
use maec_lab::{Backbone, Form, Lab, LabError, Ranking, Silent, Store};
use maec_train::Snapshot;

use super::Counting;
use super::files::Place;

/// Counts the elements that are read.
struct Counted {
    inner: Arc<dyn Weights>,
    read: AtomicU64,
}

impl Weights for Counted {
    fn tensors(&self) -> &[TensorInfo] {
        self.inner.tensors()
    }

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn read_stored(&self, name: &str, elements: Range<usize>, out: &mut [u8]) -> Result<(), Error> {
        self.read.fetch_add(elements.len() as u64, Ordering::Relaxed);
        self.inner.read_stored(name, elements, out)
    }
}

#[test]
fn a_folders_outcomes_are_held_no_longer_than_they_are_used() {
    let mut place = Place::new(Dtype::F32);
    let counted = Arc::new(Counted { inner: place.base.weights.clone(), read: AtomicU64::new(0) });
    let elements: u64 = counted.tensors().iter().map(|info| info.elements() as u64).sum();
    place.base = Backbone { weights: counted.clone(), ..place.base };
    let ground = place.open(place.experiment(""));
    let run = ground.extraction("science").unwrap().ability_run;
    let held = || Arc::strong_count(&counted);
    let before = held();
    let read_by = |work: &mut dyn FnMut()| {
        let start = counted.read.load(Ordering::Relaxed);
        work();
        counted.read.load(Ordering::Relaxed) - start
    };
    let store = place.store("cache");
    let lab = Lab { ground: &ground, store: &store, watch: &Silent };
    // What was trained is read from its delta, which stands on the base.
    let trained = lab.train(&run).unwrap();
    assert!(held() > before);
    let again = lab.train(&run).unwrap();
    assert!(Arc::ptr_eq(&trained.weights, &again.weights), "two that use it share it");
    drop((trained, again));
    assert_eq!(held(), before);

    // Another program compares the whole of it with its hash, once.
    let store = place.store("cache");
    let lab = Lab { ground: &ground, store: &store, watch: &Silent };
    let [first, second] = [(); 2].map(|()| read_by(&mut || drop(lab.train(&run).unwrap())));
    assert_eq!(first - second, elements);
    assert_eq!(held(), before);
    let weak = Arc::downgrade(&lab.rank(&ground.extraction("science").unwrap().ability_neurons).unwrap().0);
    assert!(weak.upgrade().is_none());

    // Memory has nowhere else to keep it.
    let store = Store::memory();
    let lab = Lab { ground: &ground, store: &store, watch: &Silent };
    let weights = Arc::downgrade(&lab.train(&run).unwrap().weights);
    assert!(weights.upgrade().is_some_and(|held| Arc::ptr_eq(&held, &lab.train(&run).unwrap().weights)));
}

/// A ranking by exact gradients, three steps long, and where its checkpoint comes to lie.
fn exact(place: &Place) -> Ranking {
    place.open(place.experiment("")).extraction("science").unwrap().ability_neurons.by(Form::Gradient)
}

fn checkpoint(place: &Place, cache: &str) -> PathBuf {
    let mut files = fs::read_dir(place.folder.path().join(cache)).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.to_string_lossy().ends_with(".checkpoint.safetensors")).unwrap()
}

/// Ranks up to so many steps; the steps done.
fn rank(place: &Place, cache: &str, most: u32) -> (Result<Arc<maec_train::KeyNeurons>, LabError>, u32) {
    let ground = place.open(place.experiment(""));
    let (watch, store) = (Counting::up_to(most), place.store(cache));
    let found = Lab { ground: &ground, store: &store, watch: &watch }.rank(&exact(place));
    (found.map(|found| found.0), watch.steps.get())
}

#[test]
fn exact_gradients_go_on_to_the_same_neurons() {
    let place = Place::new(Dtype::F32);
    let expected = rank(&place, "straight", 9).0.unwrap();
    for stops in [&[1][..], &[2], &[1, 1]] {
        let cache = format!("cut {stops:?}");
        for &stop in stops {
            assert!(matches!(rank(&place, &cache, stop).0, Err(LabError::Interrupted { .. })));
        }
        let (found, steps) = rank(&place, &cache, 9);
        assert_eq!(steps + stops.iter().sum::<u32>(), 3, "it goes on");
        assert_eq!(found.unwrap(), expected);
        assert!(
            !fs::read_dir(place.folder.path().join(&cache))
                .unwrap()
                .any(|entry| entry.unwrap().path().is_file())
        );
    }
}

#[test]
fn without_its_sums_a_ranking_begins_again_and_damage_is_refused() {
    let place = Place::new(Dtype::F32);
    let expected = rank(&place, "straight", 9).0.unwrap();
    rank(&place, "cut", 2).0.unwrap_err();
    let path = checkpoint(&place, "cut");
    let whole = Snapshot::load(&path).unwrap();
    let bytes = fs::read(&path).unwrap();

    let mut damaged = bytes.clone();
    let at = damaged.len() - 9;
    damaged[at] ^= 1;
    fs::write(&path, damaged).unwrap();
    let said = rank(&place, "cut", 9).0.unwrap_err().to_string();
    assert!(said.contains("its bytes are not those that were written"), "{said}");

    let mut none = whole.clone();
    none.sums.clear();
    let mut fewer = whole.clone();
    fewer.sums.pop_last();
    let mut short = whole;
    short.sums.values_mut().for_each(|sums| sums.truncate(sums.len() - 1));
    for lacking in [none, fewer, short] {
        let cache = "lacking";
        rank(&place, cache, 2).0.unwrap_err();
        lacking.save(&checkpoint(&place, cache)).unwrap();
        let (found, steps) = rank(&place, cache, 9);
        assert_eq!((found.unwrap(), steps), (expected.clone(), 3));
        fs::remove_dir_all(place.folder.path().join(cache)).unwrap();
    }
}
