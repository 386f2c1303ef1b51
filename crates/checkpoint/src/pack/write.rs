//! Writing a pack's folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{MANIFEST, Manifest, Pack, PackFile};
use crate::{AtomicFolder, Error, read_file, sha256_hex};

/// Fills in the manifest's table of files, checks the pack as its readers will, writes its folder beside its name and
/// renames it. Returns the pack's id.
///
/// A folder that exists is replaced only if it is empty or a pack with nothing beside it in the folder; otherwise
/// fails with [`Error::WontReplace`].
pub fn write_pack(
    folder: &Path,
    mut manifest: Manifest,
    files: BTreeMap<String, Vec<u8>>,
) -> Result<String, Error> {
    let entry = |bytes: &Vec<u8>| PackFile { sha256: sha256_hex(bytes), bytes: bytes.len() as u64 };
    manifest.files = files.iter().map(|(path, bytes)| (path.clone(), entry(bytes))).collect();
    let mut json =
        serde_json::to_vec_pretty(&manifest).map_err(|e| Error::BadManifest { reason: e.to_string() })?;
    json.push(b'\n');
    Pack::from_files(&json, files.clone())?;
    let output = AtomicFolder::create(folder, is_pack)?;
    for (path, bytes) in &files {
        output.write(path, bytes)?;
    }
    output.write(MANIFEST, &json)?;
    output.finish()?;
    Ok(Manifest::id(&json))
}

/// Whether a folder holds a pack and nothing else.
pub fn is_pack(folder: &Path) -> bool {
    let Ok(bytes) = read_file(&folder.join(MANIFEST)) else { return false };
    let Ok(manifest) = Manifest::parse(&bytes) else { return false };
    let mut known: BTreeSet<String> = manifest.files.into_keys().collect();
    known.insert(MANIFEST.into());
    only_holds(folder, "", &known)
}

fn only_holds(folder: &Path, prefix: &str, known: &BTreeSet<String>) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.into_iter().all(|entry| {
        let Ok(entry) = entry else { return false };
        let Some(path) = entry.file_name().to_str().map(|name| format!("{prefix}{name}")) else {
            return false;
        };
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => only_holds(&entry.path(), &format!("{path}/"), known),
            Ok(kind) => kind.is_file() && known.contains(&path),
            Err(_) => false,
        }
    })
}
