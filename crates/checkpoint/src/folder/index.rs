//! The index of a model in several files, and the files that it names.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::FolderProblem;
use crate::error::shown;
use crate::files::find;
use crate::json::{MAX_DEPTH, StringMap, is_deeper};
use crate::{Error, FileSet, SafetensorsReader, TensorInfo, Weights};

/// More shards than any model has; the largest have a few hundred.
const MAX_SHARDS: usize = 10_000;

/// Every tensor, sorted by name, with the index of its shard.
type Places = Vec<(TensorInfo, usize)>;

/// Opens the shards that an index names and finds the place of every tensor. Index and shards must agree exactly.
pub(super) fn open_shards(
    files: &dyn FileSet,
    index: &str,
) -> Result<(Vec<SafetensorsReader>, Places), Error> {
    let not = |problem| Error::NotModelFolder { name: files.name().into(), problem };
    let map = parse(index).map_err(not)?;
    let names: Vec<&str> = map.values().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect();
    if names.is_empty() {
        return Err(not(FolderProblem::IndexEmpty));
    }
    if names.len() > MAX_SHARDS {
        return Err(not(FolderProblem::TooManyShards { count: names.len(), max: MAX_SHARDS }));
    }
    if let Some(name) = names.iter().find(|name| !is_plain(name)) {
        return Err(not(FolderProblem::IndexFileName { file: shown(name) }));
    }
    let mut shards = Vec::with_capacity(names.len());
    for name in &names {
        let source = find(files, name)?;
        let source = source.ok_or_else(|| not(FolderProblem::ShardMissing { file: shown(name) }))?;
        shards.push(SafetensorsReader::open(source)?);
    }
    let places = place(&map, &names, &shards).map_err(not)?;
    Ok((shards, places))
}

/// Where every tensor is; fails where the index and the shards disagree.
fn place(
    map: &BTreeMap<String, String>,
    names: &[&str],
    shards: &[SafetensorsReader],
) -> Result<Places, FolderProblem> {
    let mut places = Vec::with_capacity(map.len());
    for (tensor, file) in map {
        let absent = || FolderProblem::TensorNotInShard { tensor: shown(tensor), shard: shown(file) };
        let shard = names.binary_search(&file.as_str()).map_err(|_| absent())?;
        places.push((shards[shard].info(tensor).map_err(|_| absent())?.clone(), shard));
    }
    for (name, shard) in names.iter().zip(shards) {
        for info in shard.tensors() {
            let tensor = || shown(&info.name);
            match map.get(&info.name) {
                Some(file) if file == name => (),
                Some(file) => {
                    let (first, second) = (shown(file), shown(name));
                    return Err(FolderProblem::TensorInTwoShards { tensor: tensor(), first, second });
                }
                None => return Err(FolderProblem::TensorNotIndexed { tensor: tensor(), shard: shown(name) }),
            }
        }
    }
    Ok(places)
}

/// Whether a name can only mean a file beside the index, on every system.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\\', ':', '\0']) && !name.starts_with('.')
}

/// The `weight_map`: shard by tensor.
fn parse(index: &str) -> Result<BTreeMap<String, String>, FolderProblem> {
    if is_deeper(index.as_bytes(), MAX_DEPTH) {
        let reason = format!("it is nested deeper than {MAX_DEPTH} levels");
        return Err(FolderProblem::IndexNotJson { reason });
    }
    let index: Index = serde_json::from_str(index)
        .map_err(|e| FolderProblem::IndexNotJson { reason: shown(&e.to_string()) })?;
    match index.weight_map.twice {
        Some(tensor) => Err(FolderProblem::IndexDuplicate { tensor: shown(&tensor) }),
        None => Ok(index.weight_map.map),
    }
}

#[derive(Deserialize)]
struct Index {
    weight_map: StringMap,
}
