//! Sparse deltas: base plus delta is the trained checkpoint, bit for bit, and nothing else passes for one.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{assert_message, assert_same, file, info, model, open, tensor};
use maec_checkpoint::{
    ByteSource, DeltaPositions, DeltaWeights, Dtype, Error, MemorySink, MemorySource, MemoryWeights,
    SparseDelta, Weights, convert, dtype, fingerprint, write_delta,
};
use proptest::prelude::*;

type Metadata = BTreeMap<String, String>;

fn extract(
    base: &dyn Weights,
    trained: &dyn Weights,
    positions: DeltaPositions,
    dtype: Option<Dtype>,
) -> Result<Vec<u8>, Error> {
    let sink = MemorySink::new();
    let metadata = Metadata::from([("trained_on".into(), "es".into())]);
    write_delta(&mut sink.clone(), base, trained, positions, dtype, &metadata)?;
    Ok(sink.take())
}

fn delta(bytes: Vec<u8>) -> Result<SparseDelta, Error> {
    let source: Arc<dyn ByteSource> = Arc::new(MemorySource::new("delta", bytes));
    SparseDelta::open(source)
}

fn apply(base: &MemoryWeights, bytes: Vec<u8>) -> Result<DeltaWeights, Error> {
    delta(bytes)?.apply(Arc::new(base.clone()))
}

/// A base and a trained model: shapes, dtypes (the trained one equal or wider) and changes at random.
fn any_pair() -> impl Strategy<Value = (MemoryWeights, MemoryWeights)> {
    let dtypes = [
        (Dtype::BF16, Dtype::BF16),
        (Dtype::BF16, Dtype::F32),
        (Dtype::F16, Dtype::F16),
        (Dtype::F16, Dtype::F64),
        (Dtype::F32, Dtype::F32),
        (Dtype::F64, Dtype::F64),
        (Dtype::I64, Dtype::I64),
    ];
    let values =
        proptest::collection::vec((-100i32..100, proptest::option::weighted(0.3, -100i32..100)), 0..300);
    let tensor = (proptest::sample::select(dtypes.to_vec()), values);
    proptest::collection::btree_map("[a-c.]{1,4}(positions|values)?", tensor, 0..5).prop_map(|tensors| {
        let encode = |dtype: Dtype, values: &[f64]| {
            let mut bytes = Vec::new();
            match dtype {
                Dtype::I64 => values.iter().for_each(|&x| bytes.extend((x as i64).to_le_bytes())),
                _ => convert::narrow(dtype, values, &mut bytes).unwrap(),
            }
            bytes
        };
        let (mut base, mut trained) = (Vec::new(), Vec::new());
        for (name, ((stored, wide), values)) in tensors {
            let old: Vec<f64> = values.iter().map(|v| f64::from(v.0) / 3.0).collect();
            // The base as it is stored, so that an unchanged value is the same in the wider dtype.
            let old_bytes = encode(stored, &old);
            let mut new = old;
            if dtype::is_float(stored) {
                convert::widen(stored, &old_bytes, &mut new).unwrap();
            }
            for (x, v) in new.iter_mut().zip(&values) {
                // −0.0 differs from 0.0 in bits alone.
                *x = v.1.map_or(*x, |changed| if changed == 0 { -0.0 } else { f64::from(changed) / 7.0 });
            }
            base.push((info(&name, stored, &[values.len()]), old_bytes));
            trained.push((info(&name, wide, &[values.len()]), encode(wide, &new)));
        }
        (model("base", base), model("trained", trained))
    })
}

proptest! {
    #[test]
    fn base_plus_delta_is_trained((base, trained) in any_pair()) {
        let bytes = extract(&base, &trained, DeltaPositions::Changed, None).unwrap();
        safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let delta = delta(bytes.clone()).unwrap();
        prop_assert_eq!(delta.base_fingerprint(), fingerprint(&base).unwrap());
        prop_assert_eq!(&delta.metadata()["trained_on"], "es");
        let applied = delta.apply(Arc::new(base.clone())).unwrap();
        assert_same(&applied, &trained);
        // Sparse: only what differs is stored.
        for info in base.tensors() {
            let Some(entries) = applied.entries(&info.name).unwrap() else {
                prop_assert_eq!(base.read_bytes(&info.name).unwrap(), trained.read_bytes(&info.name).unwrap());
                continue;
            };
            prop_assert!(entries.positions.len() <= info.elements());
            if info.dtype == entries.dtype {
                let size = dtype::bytes_per_element(info.dtype);
                let (old, new) = (base.read_bytes(&info.name).unwrap(), trained.read_bytes(&info.name).unwrap());
                let differ: Vec<u64> = (0..info.elements())
                    .filter(|i| old[i * size..(i + 1) * size] != new[i * size..(i + 1) * size])
                    .map(|i| i as u64)
                    .collect();
                prop_assert_eq!(&entries.positions, &differ);
            }
        }
    }

    #[test]
    fn tiles_are_parts_of_the_whole((base, trained) in any_pair(), a in 0usize..300, b in 0usize..300) {
        let applied = apply(&base, extract(&base, &trained, DeltaPositions::Changed, None).unwrap()).unwrap();
        for info in trained.tensors() {
            let (start, end) = (a.min(b).min(info.elements()), a.max(b).min(info.elements()));
            let size = dtype::bytes_per_element(info.dtype);
            let mut part = vec![0; (end - start) * size];
            applied.read_stored(&info.name, start..end, &mut part).unwrap();
            prop_assert_eq!(&part, &trained.read_bytes(&info.name).unwrap()[start * size..end * size]);
        }
    }

    #[test]
    fn damaged_deltas_never_panic((base, trained) in any_pair(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = extract(&base, &trained, DeltaPositions::Changed, None).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(applied) = apply(&base, bytes) {
            for info in applied.tensors() {
                applied.read_bytes(&info.name).unwrap();
            }
        }
    }
}

/// More than one tile, positions on both sides of the border.
#[test]
fn large_tensors_are_exact() {
    let old: Vec<f64> = (0..200_000).map(f64::from).collect();
    let mut new = old.clone();
    for i in [0, 1, 65_535, 65_536, 131_072, 199_999] {
        new[i] += 0.5;
    }
    let base = model("base", vec![tensor("w", Dtype::F32, &[200_000], &old)]);
    let trained = model("trained", vec![tensor("w", Dtype::F32, &[200_000], &new)]);
    let bytes = extract(&base, &trained, DeltaPositions::Changed, None).unwrap();
    assert!(bytes.len() < 500);
    let applied = apply(&base, bytes).unwrap();
    assert_same(&applied, &trained);
    assert_eq!(applied.entries("w").unwrap().unwrap().positions, [0, 1, 65_535, 65_536, 131_072, 199_999]);
}

/// A pack's delta: f32 training on a bf16 base, values rounded to bf16, what rounds back to the base dropped.
#[test]
fn rounded_values_that_equal_the_base_are_dropped() {
    let base = model("base", vec![tensor("w", Dtype::BF16, &[2, 2], &[1.0, 2.0, 3.0, 4.0])]);
    let trained = model("trained", vec![tensor("w", Dtype::F32, &[2, 2], &[1.001, 2.5, 3.0, 4.26])]);
    let given = || DeltaPositions::Given([("w".into(), vec![0, 1, 2])].into());
    for (positions, expected, values) in [
        (DeltaPositions::Changed, vec![1, 3], [1.0, 2.5, 3.0, 4.25]),
        (given(), vec![1], [1.0, 2.5, 3.0, 4.0]),
    ] {
        let applied = apply(&base, extract(&base, &trained, positions, Some(Dtype::BF16)).unwrap()).unwrap();
        assert_eq!(applied.entries("w").unwrap().unwrap().positions, expected);
        assert_same(&applied, &model("expected", vec![tensor("w", Dtype::BF16, &[2, 2], &values)]));
    }
    // Without rounding, given positions are kept as they are, and the rest of the change is left out.
    let applied = apply(&base, extract(&base, &trained, given(), None).unwrap()).unwrap();
    assert_eq!(applied.entries("w").unwrap().unwrap().positions, [0, 1, 2]);
    assert_eq!(applied.read_f32("w").unwrap(), [1.001, 2.5, 3.0, 4.0]);
}

#[test]
fn nothing_changed_is_an_empty_delta() {
    let base = model("base", vec![tensor("w", Dtype::BF16, &[2], &[1.0, 2.0])]);
    let bytes = extract(&base, &base, DeltaPositions::Changed, None).unwrap();
    assert!(delta(bytes.clone()).unwrap().tensors().is_empty());
    assert_same(&apply(&base, bytes).unwrap(), &base);
}

#[test]
fn another_base_is_refused() {
    let of = |x| model("base", vec![tensor("w", Dtype::F32, &[2], &[x, 2.0])]);
    let bytes = extract(&of(1.0), &of(1.5), DeltaPositions::Changed, None).unwrap();
    let error = apply(&of(1.25), bytes).unwrap_err();
    assert!(matches!(error, Error::OtherBase { .. }));
    assert_message(&error, &["`delta`", "another base than `base`", &fingerprint(&of(1.25)).unwrap()[..16]]);
}

#[test]
fn unlike_models_are_refused() {
    let base = model("base", vec![tensor("w", Dtype::F32, &[2], &[1.0, 2.0])]);
    let refuse = |trained: &MemoryWeights, dtype, parts: &[&str]| {
        let error = extract(&base, trained, DeltaPositions::Changed, dtype).unwrap_err();
        assert_message(&error, parts);
    };
    let one = |name: &str, dtype, shape: &[usize], values: &[f64]| {
        model("trained", vec![tensor(name, dtype, shape, values)])
    };
    refuse(&one("w", Dtype::F32, &[2, 1], &[1.0, 2.0]), None, &["`trained`", "`w`", "[2, 1]", "[2]"]);
    refuse(&one("v", Dtype::F32, &[2], &[1.0, 2.0]), None, &["`trained`", "`v`", "`base` lacks"]);
    refuse(&model("trained", vec![]), None, &["`trained`", "no tensor `w`"]);
    refuse(
        &one("w", Dtype::BF16, &[2], &[1.0, 2.0]),
        None,
        &["`w`", "F32 in the base and BF16 in the delta"],
    );
    refuse(&one("w", Dtype::F32, &[2], &[1.0, 2.0]), Some(Dtype::BF16), &["`w`", "F32 or wider"]);
    refuse(&one("w", Dtype::F32, &[2], &[1.0, 2.0]), Some(Dtype::I8), &["I8 is not floating point"]);
    refuse(&one("w", Dtype::F32, &[2], &[1.0, f64::NAN]), None, &["`trained`", "`w`", "NaN", "element 1"]);
    for given in [vec![2], vec![1, 0], vec![0, 0]] {
        let positions = DeltaPositions::Given([("w".into(), given)].into());
        assert!(matches!(extract(&base, &base, positions, None), Err(Error::BadDelta { .. })));
    }
    let positions = DeltaPositions::Given([("v".into(), vec![])].into());
    assert!(matches!(extract(&base, &base, positions, None), Err(Error::MissingTensor { .. })));
}

#[test]
fn hostile_deltas_are_refused() {
    let base = model("base", vec![tensor("w", Dtype::BF16, &[3], &[1.0, 2.0, 3.0])]);
    let print = fingerprint(&base).unwrap();
    let metadata = |version: &str, print: &str| {
        Metadata::from([("maec_delta".into(), version.into()), ("base_fingerprint".into(), print.into())])
    };
    let good = metadata("1", &print);
    let positions = |bytes: &[u8]| (info("w.positions", Dtype::U8, &[bytes.len()]), bytes.to_vec());
    let values = |values: &[f64]| tensor("w.values", Dtype::BF16, &[values.len()], values);
    let wide = info("w.values", Dtype::F16, &[1]);
    let cases = [
        (vec![], Metadata::new(), "no `maec_delta`"),
        (vec![], metadata("2", &print), "format `2`"),
        (vec![], metadata("1", "abc"), "64 hex digits"),
        (vec![], metadata("1", &"g".repeat(64)), "64 hex digits"),
        (vec![], metadata("1", &"é".repeat(32)), "64 hex digits"),
        (vec![], metadata("1", &"0".repeat(64)), "another base"),
        (vec![values(&[1.0])], good.clone(), "stands without `w.positions`"),
        (vec![positions(&[1])], good.clone(), "stands without `w.values`"),
        (vec![tensor("w", Dtype::BF16, &[1], &[1.0])], good.clone(), "ends in neither"),
        (vec![tensor("w.positions", Dtype::BF16, &[1], &[1.0]), values(&[1.0])], good.clone(), "BF16 [1]"),
        (vec![positions(&[1]), tensor("w.values", Dtype::BF16, &[1, 1], &[1.0])], good.clone(), "[1, 1]"),
        (vec![positions(&[1, 1]), values(&[1.0])], good.clone(), "2 positions for 1 values"),
        (vec![positions(&[1, 0]), values(&[1.0, 2.0])], good.clone(), "do not ascend"),
        (vec![positions(&[4]), values(&[1.0])], good.clone(), "beyond its 3 elements"),
        (vec![positions(&[0x80]), values(&[1.0])], good.clone(), "broken varint"),
        (vec![positions(&[1]), (wide, vec![0; 2])], good.clone(), "BF16 in the base and F16 in the delta"),
        (
            vec![
                (info("v.positions", Dtype::U8, &[1]), vec![1]),
                tensor("v.values", Dtype::BF16, &[1], &[1.0]),
            ],
            good,
            "`base` lacks",
        ),
    ];
    for (tensors, metadata, reason) in cases {
        let bytes = file(&model("delta", tensors), &metadata);
        open("delta", bytes.clone()).unwrap();
        assert_message(&apply(&base, bytes).unwrap_err(), &[reason]);
    }
}

/// More tensors than the cache holds, read by several threads at once.
#[test]
fn threads_share_a_delta() {
    let many = |shift: f64| {
        let tensors =
            (0..9).map(|i| tensor(&format!("w{i}"), Dtype::F32, &[50], &[f64::from(i) + shift; 50]));
        model("many", tensors.collect())
    };
    let (base, trained) = (many(0.0), many(0.25));
    let applied = apply(&base, extract(&base, &trained, DeltaPositions::Changed, None).unwrap()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_same(&applied, &trained));
        }
    });
}
