//! What a plain server has: it lists nothing, so names are tried.

use std::collections::{BTreeMap, BTreeSet};

use maec_checkpoint::Manifest;
use serde::Deserialize;

use crate::driver::{Tries, Trouble, Watch, bad_status};
use crate::files::NewFile;
use crate::listing::{MAX_FILE_BYTES, check_path};
use crate::{Address, Answer, Body, Clock, Digest, Error, Get, Hub, Store, Transport};

const INDEX: &str = "model.safetensors.index.json";
const MANIFEST: &str = "manifest.json";

/// Files that make a folder a model's or a pack's.
const MARKS: [&str; 4] = ["config.json", "model.safetensors", INDEX, MANIFEST];
/// Files beside them.
const BESIDE: [&str; 5] = [
    "chat_template.jinja",
    "generation_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// Longest index or manifest, and longest text whose end is looked for because the server tells no length.
const MAX_TEXT_BYTES: u64 = 64 << 20;
/// Most shards that an index may name.
const MAX_SHARDS: usize = 10_000;

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

impl<T: Transport, S: Store, C: Clock> Hub<T, S, C> {
    /// The one file of an address.
    pub(crate) async fn probe_file(&self, at: &Address) -> Result<NewFile, Error> {
        let (bytes, validator) = self.probe(at, &at.title()).await?;
        let path = at.file_name().unwrap_or_default();
        Ok(NewFile { path, address: at.clone(), bytes, digest: None, pinned: false, validator })
    }

    /// The files of a model or pack in a folder.
    pub(crate) async fn probe_folder(&self, at: &Address, title: &str) -> Result<Vec<NewFile>, Error> {
        let mut files: Vec<NewFile> = Vec::new();
        for name in MARKS {
            files.extend(self.probe_optional(at, name, !files.is_empty()).await?);
        }
        let has = |files: &[NewFile], name: &str| files.iter().any(|file| file.path == name);
        if files.is_empty() {
            return Err(Error::Nothing { what: title.into() });
        }
        if has(&files, MANIFEST) {
            let address = at.with_parts([MANIFEST]);
            let json = self.fetch_text(&address, &address.title(), MAX_TEXT_BYTES).await?;
            // Other programs have files of this name, too.
            if let Ok(manifest) = Manifest::parse(&json) {
                files.retain(|file| file.path == MANIFEST);
                let file = |(path, file): (&String, &maec_checkpoint::PackFile)| NewFile {
                    path: path.clone(),
                    address: at.with_parts(path.split('/')),
                    bytes: file.bytes,
                    digest: Digest::sha256(&file.sha256),
                    pinned: false,
                    validator: None,
                };
                files.extend(manifest.files.iter().map(file));
                return Ok(files);
            }
        }
        for name in BESIDE {
            files.extend(self.probe_optional(at, name, true).await?);
        }
        if has(&files, INDEX) && !has(&files, "model.safetensors") {
            for shard in self.shards(at, title).await? {
                if !has(&files, &shard) {
                    files.push(self.probe_named(at, &shard).await?);
                }
            }
        }
        Ok(files)
    }

    /// The shards that a folder's index names.
    async fn shards(&self, at: &Address, title: &str) -> Result<BTreeSet<String>, Error> {
        let address = at.with_parts([INDEX]);
        let json = self.fetch_text(&address, &address.title(), MAX_TEXT_BYTES).await?;
        let bad = |reason: String| Error::BadListing { what: title.into(), reason };
        let index: ShardIndex = serde_json::from_slice(&json).map_err(|e| bad(format!("{INDEX}: {e}")))?;
        let shards: BTreeSet<String> = index.weight_map.into_values().collect();
        if shards.len() > MAX_SHARDS {
            return Err(bad(format!("{INDEX} names {} shards, more than {MAX_SHARDS}", shards.len())));
        }
        match shards.iter().find(|shard| shard.contains('/') || check_path(shard) != Ok(true)) {
            Some(shard) => {
                let shown: String = shard.chars().take(80).collect();
                Err(bad(format!("{INDEX} names `{}`, which is no file name", shown.escape_debug())))
            }
            None => Ok(shards),
        }
    }

    async fn probe_named(&self, at: &Address, name: &str) -> Result<NewFile, Error> {
        let address = at.with_parts([name]);
        let (bytes, validator) = self.probe(&address, &address.title()).await?;
        Ok(NewFile { path: name.into(), address, bytes, digest: None, pinned: false, validator })
    }

    /// A file that may be absent. Storage that lists nothing answers 403 for that; and in a browser, where the folder has answered
    /// for another name, a refusal without the permission headers looks like a broken connection.
    async fn probe_optional(
        &self,
        at: &Address,
        name: &str,
        answered: bool,
    ) -> Result<Option<NewFile>, Error> {
        match self.probe_named(at, name).await {
            Err(Error::NotFound { .. } | Error::NoAccess { .. }) => Ok(None),
            Err(Error::Unreachable { .. }) if answered && cfg!(target_arch = "wasm32") => Ok(None),
            found => found.map(Some),
        }
    }

    /// Length and version of a file, by asking for its first byte.
    pub(crate) async fn probe(&self, address: &Address, what: &str) -> Result<(u64, Option<String>), Error> {
        let mut tries = Tries::default();
        loop {
            match self.probe_once(address, what).await {
                Ok(found) => return Ok(found),
                Err(trouble) => {
                    self.pause(what, &mut tries, trouble, &mut Watch::unseen(&self.clock)).await?
                }
            }
        }
    }

    async fn probe_once(&self, address: &Address, what: &str) -> Result<(u64, Option<String>), Trouble> {
        let Answer { head, body } = self.transport.get(&Get { address, range: Some(0..1) }).await?;
        let bytes = match head.status {
            200 => self.length(head.content_length, body, address, what).await?,
            206 | 416 => match head.content_range.as_ref().and_then(|range| range.total) {
                Some(total) => total,
                // The header is hidden from other sites; the length of the whole is not.
                None => {
                    let Answer { head, body } = self.transport.get(&Get { address, range: None }).await?;
                    match head.status {
                        200 => self.length(head.content_length, body, address, what).await?,
                        _ => return Err(bad_status(&head, what)),
                    }
                }
            },
            _ => return Err(bad_status(&head, what)),
        };
        if bytes > MAX_FILE_BYTES {
            return Err(Error::NoLength { what: what.into() }.into());
        }
        Ok((bytes, head.validator))
    }

    /// The length of a whole file being sent. That of a text is counted: servers compress texts and then tell another length.
    async fn length(
        &self,
        told: Option<u64>,
        mut body: T::Body,
        address: &Address,
        what: &str,
    ) -> Result<u64, Trouble> {
        let weights = address.path().ends_with(".safetensors");
        if let Some(told) = told.filter(|told| weights || *told > MAX_TEXT_BYTES) {
            return Ok(told);
        }
        let mut counted = 0u64;
        while let Some(chunk) = body.chunk().await? {
            counted += chunk.len() as u64;
            if counted > MAX_TEXT_BYTES {
                return Err(Error::NoLength { what: what.into() }.into());
            }
        }
        Ok(counted)
    }

    /// A small file as a whole, outside the store.
    pub(crate) async fn fetch_text(
        &self,
        address: &Address,
        what: &str,
        limit: u64,
    ) -> Result<Vec<u8>, Error> {
        let mut tries = Tries::default();
        loop {
            match self.text_once(address, what, limit).await {
                Ok(text) => return Ok(text),
                Err(trouble) => {
                    self.pause(what, &mut tries, trouble, &mut Watch::unseen(&self.clock)).await?
                }
            }
        }
    }

    async fn text_once(&self, address: &Address, what: &str, limit: u64) -> Result<Vec<u8>, Trouble> {
        let Answer { head, mut body } = self.transport.get(&Get { address, range: None }).await?;
        if head.status != 200 {
            return Err(bad_status(&head, what));
        }
        let mut text = Vec::new();
        while let Some(chunk) = body.chunk().await? {
            text.extend_from_slice(&chunk);
            if text.len() as u64 > limit {
                return Err(Trouble::Refused(format!(
                    "it is longer than {limit} bytes; is it the right address?"
                )));
            }
        }
        Ok(text)
    }
}
