//! Files that a person dropped or chose, read in place.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use js_sys::{Array, ArrayBuffer, Uint8Array};
use maec_checkpoint::{ByteSource, Error, FileSet, SourceFiles};
use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;
use web_sys::{Blob, FileReaderSync, MessageChannel, MessagePort};

use crate::ahead::{ReadAhead, Window};
use crate::js;

/// Bytes that JavaScript holds at once while more are copied.
const PIECE: usize = 2 << 20;

/// A `Blob` or `File`, sliced for every read and never held whole. For workers: a page may not read synchronously.
#[derive(Debug, Clone)]
pub struct BlobSource {
    name: String,
    blob: SendWrapper<Blob>,
    len: u64,
}

impl BlobSource {
    /// A blob that messages call `name`.
    pub fn new(name: impl Into<String>, blob: Blob) -> Self {
        // A whole number below 2⁵³.
        let len = blob.size() as u64;
        Self { name: name.into(), blob: SendWrapper::new(blob), len }
    }

    /// What is between two of its bytes, as a blob of its own.
    pub(crate) fn slice(&self, from: u64, to: u64) -> Result<Blob, JsValue> {
        self.blob.slice_with_f64_and_f64(from as f64, to as f64)
    }

    /// Reads `length` bytes, which go back to the browser by [`release`].
    pub(crate) fn read(&self, offset: u64, length: usize) -> Result<ArrayBuffer, Error> {
        let end = self.end(offset, length)?;
        let slice = self.slice(offset, end);
        let read = slice.and_then(|slice| FileReaderSync::new()?.read_as_array_buffer(&slice));
        let buffer = read.map_err(|e| {
            let reason = match js::name(&e).as_str() {
                "NotReadableError" | "NotFoundError" => {
                    "it changed or moved since it was opened; open it again".into()
                }
                _ => js::message(&e),
            };
            Error::Io { path: self.name.clone(), source: io::Error::other(reason) }
        })?;
        if buffer.byte_length() as usize != length {
            return Err(self.truncated());
        }
        Ok(buffer)
    }

    /// Where so many bytes end.
    fn end(&self, offset: u64, length: usize) -> Result<u64, Error> {
        let end = offset.checked_add(length as u64).filter(|&end| end <= self.len);
        end.ok_or_else(|| self.truncated())
    }

    fn truncated(&self) -> Error {
        Error::Truncated { name: self.name.clone(), len: self.len }
    }
}

impl ByteSource for BlobSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        self.end(offset, buf.len())?;
        let mut at = offset;
        for piece in buf.chunks_mut(PIECE) {
            let buffer = self.read(at, piece.len())?;
            Uint8Array::new(&buffer).copy_to(piece);
            release(&buffer);
            at += piece.len() as u64;
        }
        Ok(())
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Gives a buffer's memory back at once, by posting it to nobody. Left lying, buffers gather to some hundred megabytes:
/// collectors do not see how much lies behind them. (`ArrayBuffer.transfer` would leave the browser's own hold on it.)
pub(crate) fn release(buffer: &ArrayBuffer) {
    thread_local! {
        static NOBODY: Option<MessagePort> = MessageChannel::new().ok().map(|channel| {
            channel.port1().close();
            channel.port2()
        });
    }
    NOBODY.with(|nobody| {
        if let Some(nobody) = nobody {
            // What can't be given back is left to the collector.
            let _ = nobody.post_message_with_transferable(&JsValue::NULL, &Array::of1(buffer));
        }
    });
}

/// What was dropped or chosen at once: the files of a folder, or some files.
#[derive(Debug, Clone)]
pub struct DroppedFiles(SourceFiles);

impl DroppedFiles {
    /// Files by path. Where all begin with one folder's name, that is what the set is called, and its paths go on below it; a single
    /// file gives the set its name. Of two files with one path the first is taken.
    pub fn new(files: Vec<(String, Blob)>) -> Self {
        let folder = match files.first().and_then(|(path, _)| path.split_once('/')) {
            Some((folder, _))
                if files.iter().all(|(path, _)| path.split_once('/').is_some_and(|(f, _)| f == folder)) =>
            {
                folder
            }
            _ => "",
        };
        let name = match (folder, &files[..]) {
            ("", [(path, _)]) => path.clone(),
            ("", files) => format!("{} files", files.len()),
            (folder, _) => folder.to_owned(),
        };
        let below = if folder.is_empty() { 0 } else { folder.len() + 1 };
        let mut sources: BTreeMap<String, Arc<dyn ByteSource>> = BTreeMap::new();
        let window = Window::new();
        for (number, (path, blob)) in files.iter().enumerate() {
            let open = || ReadAhead::new(BlobSource::new(path, blob.clone()), number, window.clone());
            sources.entry(path[below..].to_owned()).or_insert_with(|| Arc::new(open()));
        }
        Self(SourceFiles::new(name, sources))
    }
}

impl FileSet for DroppedFiles {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn files(&self) -> Vec<(String, u64)> {
        self.0.files()
    }

    fn open(&self, file: &str) -> Result<Arc<dyn ByteSource>, Error> {
        self.0.open(file)
    }
}
