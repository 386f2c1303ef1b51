//! Merges into files, asked of the engine.

use maec_checkpoint::{MemoryFiles, ModelFolder};
use maec_protocol::{Destination, FilePlan, ItemId, Merging, Reply, Request};

use super::{Bed, Files};

/// The most bytes of a file.
pub const SHARD: u64 = 3000;

/// A merge by a mergekit file.
pub fn config(yaml: &str, items: &[ItemId]) -> Merging {
    Merging::Config { yaml: yaml.into(), items: items.to_vec() }
}

/// What is planned, or everything in the way.
pub fn plan(bed: &mut Bed<false>, merging: Merging) -> Result<FilePlan, Vec<String>> {
    match bed.ask(Request::Plan { merging, shard_bytes: SHARD }) {
        Reply::Planned { plan: Some(plan), problems } if problems.is_empty() => Ok(plan),
        Reply::Planned { plan: None, problems } if !problems.is_empty() => Err(problems),
        other => panic!("{other:?}"),
    }
}

/// Merges; all replies.
pub fn write_to(bed: &mut Bed<false>, merging: &Merging, destination: Destination) -> Vec<Reply> {
    let request = Request::Write { merging: merging.clone(), shard_bytes: SHARD, destination };
    bed.ask_all(request).into_iter().map(|(reply, _)| reply).collect()
}

/// Merges; the reply's hash, files and bytes read.
pub fn written(bed: &mut Bed<false>, merging: &Merging) -> (String, Vec<(String, u64)>, u64) {
    match write_to(bed, merging, Destination::Private).pop() {
        Some(Reply::Written { hash, files, bytes_read, .. }) => (hash, files, bytes_read),
        other => panic!("{other:?}"),
    }
}

/// What stands in the folder.
pub fn disk(bed: &Bed<false>) -> Files {
    bed.world.disk.0.files.borrow().clone()
}

/// The same as a model.
pub fn folder_on(bed: &Bed<false>) -> ModelFolder {
    ModelFolder::from_files(&MemoryFiles::new("merged", disk(bed))).unwrap()
}
