//! The model hash and the fingerprint, against values computed with Python's hashlib from their definitions.

mod common;

use common::{assert_same, info, model, open};
use maec_checkpoint::{
    Dtype, MemoryWeights, ModelHasher, TensorInfo, Weights, fingerprint, model_hash, sha256_hex,
};

/// Tensors of no, one, two and three blocks, of lengths that are multiples of a block and not.
fn many() -> MemoryWeights {
    let infos = [
        info("one", Dtype::U8, &[4096]),
        info("two", Dtype::U8, &[50, 100]),
        info("three", Dtype::BF16, &[6000]),
        info("four", Dtype::U8, &[24577]),
        info("none", Dtype::F32, &[0, 3]),
        info("scalar", Dtype::F64, &[]),
    ];
    let bytes = |info: &TensorInfo| (0..info.bytes()).map(|i| ((i * 7 + 3) % 251) as u8).collect();
    model("many", infos.into_iter().map(|i| (i.clone(), bytes(&i))).collect())
}

#[test]
fn outside_values() {
    assert_eq!(
        model_hash(&many()).unwrap(),
        "30fc674741ad3eed5ce12fd9b480b641307538c7042d3c2509ccb033251c26a4"
    );
    assert_eq!(
        fingerprint(&many()).unwrap(),
        "aefcb7971226246e8d59475bf715696c471777b79d3ac56e5a44c417f66c6e96"
    );
    // Every tensor is shorter than a block, so that the fingerprint sees all that the hash sees.
    let tiny = open("tiny", include_bytes!("data/tiny.safetensors").to_vec()).unwrap();
    let expected = "33b28cb59995e7c0f8da9779e0b9bb718261d29b4539644ca431f8cc39dc454f";
    assert_eq!(model_hash(&tiny).unwrap(), expected);
    assert_eq!(fingerprint(&tiny).unwrap(), expected);
    assert_eq!(sha256_hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#[test]
fn everything_but_metadata_changes_the_hash() {
    let base = || vec![(info("a", Dtype::U8, &[2, 3]), vec![0; 6]), (info("b", Dtype::I8, &[1]), vec![0])];
    let hash = |tensors| model_hash(&model("m", tensors)).unwrap();
    let mut hashes = vec![hash(base())];
    type Change = fn(&mut Vec<(TensorInfo, Vec<u8>)>);
    let changes: [Change; 6] = [
        |t| t[0].0.name = "aa".into(),
        |t| t[0].0.dtype = Dtype::I8,
        |t| t[0].0.shape = vec![3, 2],
        |t| t[0].0.shape = vec![6],
        |t| t[0].1[5] = 1,
        |t| t.truncate(1),
    ];
    for change in changes {
        let mut tensors = base();
        change(&mut tensors);
        hashes.push(hash(tensors));
    }
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 7);

    let weights = model("m", base());
    let with = |key: &str| open("f", common::file(&weights, &[(key.into(), "x".into())].into())).unwrap();
    assert_same(&with("one"), &with("two"));
    assert_eq!(model_hash(&with("one")).unwrap(), model_hash(&with("two")).unwrap());
}

#[test]
fn streaming_in_pieces_changes_nothing() {
    let weights = many();
    let mut hasher = ModelHasher::new();
    for info in weights.tensors() {
        hasher.begin(info);
        weights.read_bytes(&info.name).unwrap().chunks(1000).for_each(|piece| hasher.update(piece));
    }
    assert_eq!(hasher.finish(), model_hash(&weights).unwrap());
}

#[test]
#[should_panic(expected = "sort by name")]
fn hashing_out_of_order_panics() {
    let mut hasher = ModelHasher::new();
    hasher.begin(&info("b", Dtype::U8, &[0]));
    hasher.begin(&info("a", Dtype::U8, &[0]));
}

#[test]
#[should_panic(expected = "were not hashed")]
fn hashing_half_a_tensor_panics() {
    let mut hasher = ModelHasher::new();
    hasher.begin(&info("a", Dtype::U8, &[2]));
    hasher.update(&[0]);
    hasher.finish();
}
