//! A folder that a person picked, and the page passed to the worker.

use std::collections::BTreeMap;
use std::sync::Arc;

use js_sys::Reflect;
use maec_checkpoint::{ByteSource, SourceFiles};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetFileOptions};

use crate::{BlobSource, Error, SavePickerSink, js};

/// A folder outside the origin's own storage, in which files are written beside and renamed.
#[derive(Debug, Clone)]
pub struct PickedFolder {
    handle: FileSystemDirectoryHandle,
}

impl PickedFolder {
    /// The folder behind a handle.
    pub fn new(handle: FileSystemDirectoryHandle) -> Self {
        Self { handle }
    }

    /// The files that are in it, those of its folders left out.
    pub async fn files(&self) -> Result<SourceFiles, Error> {
        let name = self.handle.name();
        let unread = |error: JsValue| Error::Folder { name: name.clone(), reason: js::message(&error) };
        let mut files: BTreeMap<String, Arc<dyn ByteSource>> = BTreeMap::new();
        let entries = self.handle.values();
        loop {
            let next = JsFuture::from(entries.next().map_err(unread)?).await.map_err(unread)?;
            let field = |key: &str| Reflect::get(&next, &key.into()).map_err(unread);
            if field("done")?.is_truthy() {
                return Ok(SourceFiles::new(name, files));
            }
            let Ok(handle) = field("value")?.dyn_into::<FileSystemFileHandle>() else { continue };
            // What Chromium writes beside a file that is not finished.
            if handle.name().ends_with(".crswap") {
                continue;
            }
            let file = JsFuture::from(handle.get_file()).await.map_err(unread)?;
            let file: File = file.dyn_into().map_err(unread)?;
            files.insert(handle.name(), Arc::new(BlobSource::new(handle.name(), file.into())));
        }
    }

    /// Begins a file; an older one of this name stays until this one is finished.
    pub async fn create(&self, name: &str) -> Result<SavePickerSink, Error> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let unwritten = |error: JsValue| Error::Write { name: name.to_owned(), reason: js::message(&error) };
        let handle = JsFuture::from(self.handle.get_file_handle_with_options(name, &options)).await;
        SavePickerSink::create(&handle.map_err(unwritten)?.dyn_into().map_err(unwritten)?).await
    }

    /// Removes a file; one that does not exist is removed already.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        match JsFuture::from(self.handle.remove_entry(name)).await {
            Err(error) if js::name(&error) != "NotFoundError" => {
                Err(Error::Write { name: name.to_owned(), reason: js::message(&error) })
            }
            _ => Ok(()),
        }
    }
}
