//! What a person saves: streamed into the file that they picked.

use std::future::Future;

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, FileSystemFileHandle, FileSystemWritableFileStream};

use crate::{Error, js};

/// A run of bytes being written where writing waits. What is dropped before [`AsyncSink::finish`] leaves nothing behind.
pub trait AsyncSink {
    /// Appends bytes.
    fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), Error>>;

    /// Makes the whole visible under its final name.
    fn finish(self) -> impl Future<Output = Result<(), Error>>;
}

/// A file from the save picker, which the page passes to the worker. The browser writes beside it until it is finished.
#[derive(Debug)]
pub struct SavePickerSink {
    name: String,
    /// Absent once finished or dropped.
    stream: Option<FileSystemWritableFileStream>,
    /// Bytes on their way: the browser reads them later, when wasm's memory may have moved.
    staged: Uint8Array,
    /// The write that is under way, whose bytes are staged.
    writing: Option<JsFuture>,
}

fn write(name: &str) -> impl Fn(JsValue) -> Error {
    move |error| Error::Write { name: name.into(), reason: js::message(&error) }
}

async fn writable(file: &FileSystemFileHandle) -> Result<FileSystemWritableFileStream, Error> {
    let name = file.name();
    let stream = JsFuture::from(file.create_writable()).await.map_err(write(&name))?;
    stream.dyn_into().map_err(write(&name))
}

impl SavePickerSink {
    /// Begins to write the picked file.
    pub async fn create(file: &FileSystemFileHandle) -> Result<Self, Error> {
        Ok(Self {
            name: file.name(),
            stream: Some(writable(file).await?),
            staged: Uint8Array::new_with_length(0),
            writing: None,
        })
    }

    /// Waits for the write that is under way.
    async fn written(&mut self) -> Result<(), Error> {
        match self.writing.take() {
            Some(writing) => writing.await.map_err(write(&self.name)).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Gives the file up: what was there before stays.
    pub async fn discard(mut self) {
        if let Some(stream) = self.stream.take() {
            // Nobody is left to be told how that went.
            let _ = JsFuture::from(stream.abort()).await;
        }
    }
}

impl AsyncSink for SavePickerSink {
    /// The browser writes while more is made; that a write failed is told by the next, or by [`AsyncSink::finish`].
    async fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.written().await?;
        let Some(stream) = &self.stream else { return Ok(()) };
        // One array for all writes: fresh ones would wait for the garbage collector.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        if self.staged.length() < length {
            self.staged = Uint8Array::new_with_length(length);
        }
        let staged = self.staged.subarray(0, length);
        staged.copy_from(bytes);
        let written = stream.write_with_js_u8_array(&staged).map_err(write(&self.name))?;
        self.writing = Some(JsFuture::from(written));
        Ok(())
    }

    async fn finish(mut self) -> Result<(), Error> {
        self.written().await?;
        match self.stream.take() {
            Some(stream) => JsFuture::from(stream.close()).await.map_err(write(&self.name)).map(|_| ()),
            None => Ok(()),
        }
    }
}

impl Drop for SavePickerSink {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            // Nobody is left to be told how that went.
            let _ = stream.abort();
        }
    }
}

/// Streams a blob, such as a file of the origin's private file system, into the file that was picked.
pub async fn save_blob(blob: &Blob, file: &FileSystemFileHandle) -> Result<(), Error> {
    let stream = writable(file).await?;
    // Closes the file at the end, and leaves the old one where something fails.
    JsFuture::from(blob.stream().pipe_to(&stream)).await.map_err(write(&file.name())).map(|_| ())
}
