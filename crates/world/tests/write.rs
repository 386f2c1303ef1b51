//! Writing to a folder: complete, hashed, or not at all.
#![cfg(not(target_arch = "wasm32"))]

use maec_world::{Document, Manifest, Problem, World, WorldConfig, WriteError, write};
use sha2::{Digest, Sha256};
use std::fs;

fn small() -> World {
    let config = WorldConfig {
        base_documents: 40,
        general_documents: 20,
        ability_documents: 20,
        heldout_documents: 10,
        validation_problems: 10,
        test_problems: 10,
        ..WorldConfig::default()
    };
    World::new(config).expect("the configuration is valid")
}

#[test]
fn files_are_what_the_manifest_says() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let dir = place.path().join("made/world");
    let world = small();
    let manifest = write(&world, &dir).expect("the folder is writable");
    assert_eq!(manifest, world.manifest());
    let text = fs::read_to_string(dir.join("world.json")).expect("world.json");
    assert_eq!(serde_json::from_str::<Manifest>(&text).expect("a manifest"), manifest);
    for file in &manifest.files {
        let bytes = fs::read(dir.join(&file.path)).expect(&file.path);
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((bytes.len() as u64, hash), (file.bytes, file.sha256.clone()), "{}", file.path);
    }
    let lines = |path: &str| fs::read_to_string(dir.join(path)).expect(path);
    let base: Vec<Document> =
        lines("base.jsonl").lines().map(|line| serde_json::from_str(line).expect("a document")).collect();
    assert!(world.base().eq(base));
    let test: Vec<Problem> =
        lines("test/te.jsonl").lines().map(|line| serde_json::from_str(line).expect("a problem")).collect();
    assert_eq!(test, world.test(maec_world::Language::Te));
    assert!(!place.path().join("made/world.maec.tmp").exists());
}

#[test]
fn a_full_folder_is_left_alone() {
    let place = tempfile::tempdir().expect("a temporary folder");
    fs::write(place.path().join("mine.txt"), "mine").expect("writable");
    let error = write(&small(), place.path()).expect_err("the folder is not empty");
    assert!(matches!(error, WriteError::NotEmpty { .. }), "{error}");
    assert_eq!(fs::read_dir(place.path()).expect("readable").count(), 1);
    let file = place.path().join("mine.txt");
    assert!(matches!(write(&small(), &file), Err(WriteError::NotEmpty { .. })));
    assert_eq!(fs::read_to_string(file).expect("readable"), "mine");
}

#[test]
fn an_interrupted_attempt_is_replaced_and_an_empty_folder_used() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let dir = place.path().join("world");
    fs::create_dir(&dir).expect("writable");
    fs::create_dir(place.path().join("world.maec.tmp")).expect("writable");
    for file in [".maec-unfinished", "stale"] {
        fs::write(place.path().join("world.maec.tmp").join(file), "").expect("writable");
    }
    write(&small(), &dir).expect("the folder is empty");
    assert!(!dir.join("stale").exists() && !dir.join(".maec-unfinished").exists());
    assert!(!place.path().join("world.maec.tmp").exists());
}

#[test]
fn a_users_folder_in_the_way_is_left_alone() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let own = place.path().join("world.maec.tmp");
    fs::create_dir(&own).expect("writable");
    fs::write(own.join("notes"), "mine").expect("writable");
    // What the folder was called once is a user's own now.
    fs::create_dir(place.path().join("world.tmp")).expect("writable");
    let error = write(&small(), &place.path().join("world")).expect_err("not ours");
    assert!(matches!(&error, WriteError::Foreign { path } if *path == own), "{error}");
    assert_eq!(fs::read_to_string(own.join("notes")).expect("readable"), "mine");
    fs::remove_dir_all(&own).expect("writable");
    write(&small(), &place.path().join("world")).expect("nothing is in the way");
    assert!(place.path().join("world.tmp").exists());
}

#[test]
fn a_world_is_written_by_one_at_a_time() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let held = place.path().join("world.maec.tmp");
    fs::create_dir(&held).expect("writable");
    let marker = fs::File::create(held.join(".maec-unfinished")).expect("writable");
    marker.lock().expect("lockable");
    fs::write(held.join("base.jsonl"), "half").expect("writable");
    let error = write(&small(), &place.path().join("world")).expect_err("held");
    assert!(matches!(error, WriteError::Busy { .. }), "{error}");
    assert_eq!(fs::read_to_string(held.join("base.jsonl")).expect("readable"), "half");
    drop(marker);
    write(&small(), &place.path().join("world")).expect("no longer held");
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let place = tempfile::tempdir().expect("a temporary folder");
    fs::write(place.path().join("file"), "").expect("writable");
    let error = write(&small(), &place.path().join("file/world")).expect_err("a file is no folder");
    assert!(matches!(error, WriteError::Io { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("file/world: ") && !message.contains("tmp:"), "{message}");
    assert!(message.ends_with("; check permissions and free space, or choose another folder"), "{message}");
    let error = write(&small(), std::path::Path::new("..")).expect_err("no name");
    assert!(matches!(error, WriteError::NotEmpty { .. } | WriteError::NoName { .. }), "{error}");
}
