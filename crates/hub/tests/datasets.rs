//! Datasets are listed and fetched like models, and kept apart from them.

mod common;

use common::{block_on, client, disk, noise, on, read};
use maec_checkpoint::FileSet;
use maec_hub::fake::FakeHub;
use maec_hub::{Error, Remote};

#[test]
fn a_dataset_is_pinned_listed_and_fetched() {
    let fake = FakeHub::start().expect("a free port");
    let rows = noise(300_000, 7);
    let files = [("README.md", b"# Rows".to_vec()), ("data/train-0.parquet", rows.clone())];
    let commit = fake.repository("datasets/org/rows", &files);
    fake.repository("org/rows", &[("config.json", b"{}".to_vec())]);
    let (_folder, store) = disk();
    let (hub, _) = client(&fake, store);
    let dataset = Remote::parse_dataset("org/rows").expect("a name");
    let files = block_on(hub.open(&dataset)).expect("a dataset");
    assert_eq!(files.remote().to_string(), format!("datasets/org/rows@{commit}"));
    assert_eq!(files.name(), format!("datasets/org/rows@{}", &commit[..8]));
    assert_eq!(files.paths(), ["README.md", "data/train-0.parquet"]);
    block_on(hub.fetch(&files, &["data/train-0.parquet"], on)).expect("the rows");
    assert_eq!(read(&files, "data/train-0.parquet"), Some(rows));
    let asked: Vec<String> = fake.seen().into_iter().map(|seen| seen.path).collect();
    assert!(asked[0].starts_with("/api/datasets/org/rows/revision/main"), "{asked:?}");
    assert!(asked[1].starts_with(&format!("/datasets/org/rows/resolve/{commit}/data/")), "{asked:?}");
    // What is pinned and kept opens without a request; the model of the same name is another thing.
    drop(files);
    let pinned = Remote::parse_dataset(&format!("org/rows@{commit}")).expect("a name");
    assert_eq!(block_on(hub.open(&pinned)).expect("kept").paths().len(), 2);
    assert_eq!(fake.seen().len(), asked.len());
    let model = block_on(hub.open(&Remote::parse("org/rows").expect("a name"))).expect("a model");
    assert_eq!(model.paths(), ["config.json"]);
    let none = Remote::parse_dataset("org/none").expect("a name");
    assert!(matches!(block_on(hub.open(&none)), Err(Error::NotFound { .. })));
}
