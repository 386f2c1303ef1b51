//! The fuzz targets' seeds, as they are, cut off and damaged in every place, through what the targets do.

#[path = "../fuzz/body.rs"]
mod body;

use std::fs;
use std::path::Path;

/// The seeds of a target.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Every prefix of a seed, and the seed with every byte in turn replaced by each of `bytes` and with each bit flipped.
fn damage(seed: &[u8], bytes: &[u8], check: fn(&[u8])) {
    check(seed);
    for end in 0..seed.len() {
        check(&seed[..end]);
    }
    let mut damaged = seed.to_vec();
    for at in 0..seed.len() {
        let flipped = (0..8).map(|bit| seed[at] ^ 1 << bit);
        for byte in flipped.chain(bytes.iter().copied()) {
            damaged[at] = byte;
            check(&damaged);
        }
        damaged[at] = seed[at];
    }
}

#[test]
fn damaged_safetensors_files_are_refused_or_sound() {
    let every_byte: Vec<u8> = (0..=255).collect();
    for seed in seeds("safetensors") {
        damage(&seed, &every_byte, body::safetensors);
    }
}

#[test]
fn damaged_indexes_are_refused_or_sound() {
    for seed in seeds("index") {
        damage(&seed, b"\"\\{}[],:0a\n\0\xff", body::index);
    }
}

#[test]
fn damaged_manifests_are_refused_or_sound() {
    for seed in seeds("manifest") {
        damage(&seed, b"\"}9\xff", body::manifest);
    }
}
