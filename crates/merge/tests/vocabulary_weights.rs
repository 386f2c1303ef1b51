//! Models seen through a union: every row where it belongs, whatever range is read.
#![cfg(not(target_arch = "wasm32"))]

mod vocabularies;

use std::sync::Arc;

use maec_checkpoint::{Dtype, Error, MemoryWeights, TensorInfo, Weights, convert};
use maec_merge::vocabulary::{
    Embedding, Precision, RowSource, Source, Spec, TokenRule, Union, UnitedWeights, Vocabulary,
    VocabularyError, unite,
};
use proptest::prelude::*;
use vocabularies::{abc, named, vocabulary};

const EMBEDDING: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";
const WIDTH: usize = 4;

/// A model whose embedding `[rows, 4]` holds 1000·model + 10·row + column, and whose head the negatives.
fn model(name: &str, number: u32, rows: usize, dtype: Dtype, head: bool) -> Arc<dyn Weights> {
    let value = |i: usize| f64::from(number * 1000) + (i / WIDTH * 10 + i % WIDTH) as f64;
    let tensor = |name: &str, shape: &[usize], values: Vec<f64>| {
        let mut bytes = Vec::new();
        convert::narrow(dtype, &values, &mut bytes).expect("a float dtype");
        (TensorInfo { name: name.to_owned(), dtype, shape: shape.to_vec() }, bytes)
    };
    let mut tensors = vec![
        tensor(EMBEDDING, &[rows, WIDTH], (0..rows * WIDTH).map(value).collect()),
        tensor("model.norm.weight", &[rows], vec![f64::from(number); rows]),
        tensor("model.layers.0.embed_tokens.weight.scale", &[rows, 1], vec![0.5; rows]),
    ];
    if head {
        tensors.push(tensor(HEAD, &[rows, WIDTH], (0..rows * WIDTH).map(|i| -value(i)).collect()));
    }
    Arc::new(MemoryWeights::new(name, tensors).expect("consistent"))
}

fn models(dtype: Dtype) -> Vec<Arc<dyn Weights>> {
    [("A", 1, 4), ("B", 2, 6), ("C", 3, 8)].map(|(name, n, rows)| model(name, n, rows, dtype, true)).to_vec()
}

fn union(spec: &Spec) -> Arc<Union> {
    Arc::new(unite(&named(&abc()), Some(0), spec).expect("united"))
}

fn view(union: &Arc<Union>, models: &[Arc<dyn Weights>], own: usize, precision: Precision) -> UnitedWeights {
    UnitedWeights::new(Arc::clone(union), models.to_vec(), own, precision).expect("a view")
}

/// The first column of every row.
fn column(view: &dyn Weights, tensor: &str) -> Vec<f32> {
    view.read_f32(tensor).expect("readable").into_iter().step_by(WIDTH).collect()
}

#[test]
fn rows_are_mergekits() {
    let models = models(Dtype::F32);
    let union = union(&Spec { pad_to_multiple_of: Some(4), ..Spec::default() });
    // mergekit 0.1.5 on the same three models: each model alone, merged with weight 1 beside weights 0.
    for (own, expected) in [
        (0, [1000., 1010., 1020., 1030., 2515., 2030., 3020., 2040., 3030., 1855., 1855., 1855.]),
        (1, [2000., 1010., 2010., 2050., 2020., 2030., 3020., 2040., 3030., 2134.4443, 2134.4443, 2134.4443]),
        (2, [3000., 1010., 1020., 1030., 3010., 2030., 3020., 2040., 3030., 2132.2222, 2132.2222, 2132.2222]),
    ] {
        let view = view(&union, &models, own, Precision::Stored);
        assert_eq!(view.info(EMBEDDING).expect("the embedding").shape, [12, WIDTH]);
        let close =
            |a: &[f32], sign: f32| a.iter().zip(expected).all(|(a, b)| (a - sign * b).abs() <= 1e-6 * b);
        let (embedding, head) = (column(&view, EMBEDDING), column(&view, HEAD));
        assert!(close(&embedding, 1.0) && close(&head, -1.0), "{own}: {embedding:?} {head:?}");
    }
}

#[test]
fn other_tensors_pass_through() {
    let models = models(Dtype::BF16);
    let view = view(&union(&Spec::default()), &models, 1, Precision::F32);
    assert_eq!(view.name(), "B");
    for info in models[1].tensors() {
        let seen = view.info(&info.name).expect("the tensor");
        if info.name == EMBEDDING || info.name == HEAD {
            assert_eq!((seen.dtype, seen.shape.as_slice()), (Dtype::F32, &[9, WIDTH][..]));
            continue;
        }
        assert_eq!(seen, info);
        assert_eq!(
            view.read_bytes(&info.name).expect("read"),
            models[1].read_bytes(&info.name).expect("read")
        );
    }
}

#[test]
fn one_vocabulary_gives_the_model_itself() {
    let models = [model("A", 1, 8, Dtype::BF16, true), model("B", 2, 8, Dtype::F32, false)];
    let own = || vocabulary(&["a", "b"], &[]).with_rows(8);
    let union =
        Arc::new(unite(&named(&[("A", own()), ("B", own())]), None, &Spec::default()).expect("united"));
    for (own, model) in models.iter().enumerate() {
        let view = view(&union, &models, own, Precision::F32);
        assert_eq!(view.tensors(), model.tensors());
        for info in model.tensors() {
            assert_eq!(
                view.read_bytes(&info.name).expect("read"),
                model.read_bytes(&info.name).expect("read")
            );
        }
    }
}

#[test]
fn rows_are_stored_as_the_taker_stores_them() {
    let models = vec![
        model("A", 1, 4, Dtype::BF16, true),
        model("B", 2, 6, Dtype::F32, true),
        model("C", 3, 8, Dtype::F16, true),
    ];
    let union = union(&Spec::default());
    let wide = view(&union, &models, 0, Precision::F32);
    let stored = view(&union, &models, 0, Precision::Stored);
    assert_eq!(stored.info(EMBEDDING).expect("the embedding").dtype, Dtype::BF16);
    let wide = wide.read_f32(EMBEDDING).expect("readable");
    let mut rounded = Vec::new();
    convert::encode_f32(Dtype::BF16, &wide, &mut rounded).expect("a float dtype");
    assert_eq!(stored.read_bytes(EMBEDDING).expect("readable"), rounded);
    // `dog`: averages of 2020… (F32) and 3010, 3012, 3012, 3012 (F16 has no odd numbers there).
    assert_eq!(&wide[4 * WIDTH..5 * WIDTH], [2515.0, 2516.5, 2517.0, 2517.5]);
}

#[test]
fn a_tied_model_gives_its_embedding_as_head() {
    let mut models = models(Dtype::F32);
    models[2] = model("C", 3, 8, Dtype::F32, false);
    let union = union(&Spec::default());
    let head = column(&view(&union, &models, 0, Precision::Stored), HEAD);
    assert_eq!((head[6], head[3]), (3020.0, -1030.0));
    let tied = view(&union, &models, 2, Precision::Stored);
    assert!(tied.info(HEAD).is_err());
    assert_eq!(column(&tied, EMBEDDING)[6], 3020.0);
}

#[test]
fn a_forced_zero_is_zero_in_every_model() {
    let rule = TokenRule { token: "cat".to_owned(), embedding: Embedding::Zero, force: true };
    let union = union(&Spec { source: Source::Base, tokens: vec![rule], pad_to_multiple_of: None });
    let models = models(Dtype::F32);
    for own in 0..3 {
        assert_eq!(column(&view(&union, &models, own, Precision::Stored), EMBEDDING)[2], 0.0);
    }
}

#[test]
fn models_that_do_not_fit_are_refused() {
    let union = union(&Spec::default());
    let new = |models: Vec<Arc<dyn Weights>>, own| {
        UnitedWeights::new(Arc::clone(&union), models, own, Precision::Stored).err().expect("refused")
    };
    let good = models(Dtype::F32);
    let with = |at: usize, other: Arc<dyn Weights>| {
        let mut models = good.clone();
        models[at] = other;
        models
    };
    assert!(matches!(new(good[..2].to_vec(), 0), VocabularyError::ModelCount { expected: 3, found: 2 }));
    assert!(matches!(new(good.clone(), 3), VocabularyError::NoSuchModel { .. }));
    let error = new(with(1, model("B", 2, 4, Dtype::F32, true)), 0).to_string();
    assert!(error.starts_with("`B`: `lm_head.weight` has 4 rows where its vocabulary needs 5"), "{error}");
    let bytes = vec![0; 8 * 3 * 4];
    let info = TensorInfo { name: EMBEDDING.to_owned(), dtype: Dtype::F32, shape: vec![8, 3] };
    let narrow: Arc<dyn Weights> =
        Arc::new(MemoryWeights::new("C", vec![(info, bytes)]).expect("consistent"));
    let error = new(with(2, narrow), 0).to_string();
    assert!(
        error.starts_with("`C`: a row of `model.embed_tokens.weight` has 3 values where `A` has 4"),
        "{error}"
    );
    let bare: Arc<dyn Weights> = Arc::new(MemoryWeights::new("C", vec![]).expect("consistent"));
    assert!(matches!(new(with(2, bare), 0), VocabularyError::NoEmbedding { .. }));
    let view = view(&union, &good, 0, Precision::Stored);
    for (range, bytes) in [(0..37, 37 * 4), (0..4, 15)] {
        let read = view.read_stored(EMBEDDING, range.clone(), &mut vec![0; bytes]);
        assert!(matches!(read, Err(Error::OutOfRange { .. })), "{range:?}");
    }
    assert_eq!(Vocabulary::rows_of(good[2].as_ref()), Some(8));
}

proptest! {
    #[test]
    fn any_range_is_a_part_of_the_whole(
        own in 0usize..3,
        a in 0usize..=12 * WIDTH,
        b in 0usize..=12 * WIDTH,
        f32: bool,
        base: bool,
    ) {
        let models = vec![
            model("A", 1, 4, Dtype::BF16, true),
            model("B", 2, 6, Dtype::F32, true),
            model("C", 3, 8, Dtype::BF16, true),
        ];
        let with_base = base.then_some(0);
        let spec = Spec { pad_to_multiple_of: Some(6), ..Spec::default() };
        let union = Arc::new(unite(&named(&abc()), with_base, &spec).expect("united"));
        let view = view(&union, &models, own, if f32 { Precision::F32 } else { Precision::Stored });
        let whole = view.read_bytes(EMBEDDING).expect("readable");
        let (start, end) = (a.min(b), a.max(b));
        let size = if f32 || own == 1 { 4 } else { 2 };
        let mut part = vec![0; (end - start) * size];
        view.read_stored(EMBEDDING, start..end, &mut part).expect("readable");
        prop_assert_eq!(&part, &whole[start * size..end * size]);
        // Own rows are the model's bytes.
        let mine = models[own].read_bytes(EMBEDDING).expect("readable");
        for (id, row) in union.rows[own].iter().enumerate() {
            let stored = mine.len() / Vocabulary::rows_of(models[own].as_ref()).expect("rows");
            if let (RowSource::Own(at), true) = (row, stored == WIDTH * size) {
                let at = *at as usize;
                prop_assert_eq!(&whole[id * stored..(id + 1) * stored], &mine[at * stored..(at + 1) * stored]);
            }
        }
    }
}
