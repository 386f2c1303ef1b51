//! Opening a pack: every byte is checked before any is used.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::Manifest;
use crate::{
    DeltaWeights, Error, MemorySource, SafetensorsReader, SparseDelta, Weights, fingerprint, sha256_hex,
};

/// A verified pack in memory.
pub struct Pack {
    id: String,
    manifest: Manifest,
    files: BTreeMap<String, Arc<[u8]>>,
    base: Arc<SafetensorsReader>,
    base_fingerprint: String,
}

impl Pack {
    /// Takes the manifest's bytes and the files by path, and checks that none is missing or changed, that the base
    /// opens, and that every delta fits it. Files that the manifest does not list are ignored.
    ///
    /// Fails with [`Error::BadManifest`], [`Error::MissingPackFile`], [`Error::ChangedPackFile`], or as
    /// [`SparseDelta::apply`] does.
    pub fn from_files(manifest: &[u8], mut files: BTreeMap<String, Vec<u8>>) -> Result<Self, Error> {
        let id = Manifest::id(manifest);
        let manifest = Manifest::parse(manifest)?;
        let mut verified = BTreeMap::new();
        for (path, expected) in &manifest.files {
            let bytes = files.remove(path).ok_or_else(|| Error::MissingPackFile { path: path.clone() })?;
            let changed = |what| Error::ChangedPackFile { path: path.clone(), what };
            if bytes.len() as u64 != expected.bytes {
                return Err(changed("length"));
            }
            if sha256_hex(&bytes) != expected.sha256 {
                return Err(changed("SHA-256"));
            }
            verified.insert(path.clone(), Arc::from(bytes));
        }
        let base = source(&verified, &manifest.base)?;
        let base = Arc::new(SafetensorsReader::open(Arc::new(base))?);
        let base_fingerprint = fingerprint(base.as_ref())?;
        let pack = Self { id, manifest, files: verified, base, base_fingerprint };
        for delta in &pack.manifest.deltas {
            pack.weights(&delta.id)?;
        }
        Ok(pack)
    }

    /// Opens a pack's folder; the manifest is read first, and only files that it lists.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(folder: &std::path::Path) -> Result<Self, Error> {
        let manifest_bytes = crate::read_file(&folder.join(super::MANIFEST))?;
        let manifest = Manifest::parse(&manifest_bytes)?;
        let mut files = BTreeMap::new();
        for (path, expected) in &manifest.files {
            // The length is checked before the bytes are read: the file may be anything by now.
            let on_disk = folder.join(path);
            let len = std::fs::metadata(&on_disk).map_err(|e| match e.kind() {
                std::io::ErrorKind::NotFound => Error::MissingPackFile { path: path.clone() },
                _ => Error::io(&on_disk, e),
            })?;
            if len.len() != expected.bytes {
                return Err(Error::ChangedPackFile { path: path.clone(), what: "length" });
            }
            files.insert(path.clone(), crate::read_file(&on_disk)?);
        }
        Self::from_files(&manifest_bytes, files)
    }

    /// What the pack holds.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The first 16 hex digits of the manifest's SHA-256.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The base Θo.
    pub fn base(&self) -> Arc<dyn Weights> {
        self.base.clone()
    }

    /// The fingerprint of the base, 64 hex digits.
    pub fn base_fingerprint(&self) -> &str {
        &self.base_fingerprint
    }

    /// The base with the delta of this id put in; fails with [`Error::UnknownDelta`].
    pub fn weights(&self, id: &str) -> Result<DeltaWeights, Error> {
        let delta = SparseDelta::open(Arc::new(source(&self.files, &self.manifest.delta(id)?.file)?))?;
        delta.apply_fingerprinted(self.base(), &self.base_fingerprint)
    }

    /// A file's bytes, e.g. `file(&pack.manifest().problems)`; fails with [`Error::MissingPackFile`].
    pub fn file(&self, path: &str) -> Result<&[u8], Error> {
        Ok(find(&self.files, path)?)
    }

    /// A file's text; fails with [`Error::MissingPackFile`], or [`Error::BadManifest`] where it is not UTF-8.
    pub fn text(&self, path: &str) -> Result<&str, Error> {
        std::str::from_utf8(self.file(path)?)
            .map_err(|_| Error::BadManifest { reason: format!("its file `{path}` is not UTF-8 text") })
    }
}

impl fmt::Debug for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pack").field("id", &self.id).field("manifest", &self.manifest).finish()
    }
}

fn find<'a>(files: &'a BTreeMap<String, Arc<[u8]>>, path: &str) -> Result<&'a Arc<[u8]>, Error> {
    files.get(path).ok_or_else(|| Error::MissingPackFile { path: path.into() })
}

fn source(files: &BTreeMap<String, Arc<[u8]>>, path: &str) -> Result<MemorySource, Error> {
    Ok(MemorySource::new(path, find(files, path)?.clone()))
}
