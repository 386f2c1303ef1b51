//! Files that a person dropped or chose, read in place.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use maec_checkpoint::{ByteSource, Error, FileSet, SourceFiles};
use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Blob;

use crate::ahead::{ReadAhead, Window};
use crate::js;

/// Bytes that JavaScript holds at once while more are copied: what goes into the youngest part of its memory.
const PIECE: usize = 1 << 20;

// As text, one byte a character, which goes as soon as it was read. Array buffers would be left lying until some
// hundred megabytes have gathered: collectors do not see how much lies behind them.
#[wasm_bindgen(inline_js = "
export function read(blob, into) {
  const text = new FileReaderSync().readAsBinaryString(blob);
  if (text.length !== into.length) return false;
  for (let i = 0; i < into.length; i++) into[i] = text.charCodeAt(i);
  return true;
}
")]
extern "C" {
    /// Reads a blob that is as long as `into`; `false` where it is not.
    #[wasm_bindgen(catch)]
    fn read(blob: &Blob, into: &mut [u8]) -> Result<bool, JsValue>;
}

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
}

impl ByteSource for BlobSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let truncated = || Error::Truncated { name: self.name.clone(), len: self.len };
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.len) {
            return Err(truncated());
        }
        let mut at = offset;
        for piece in buf.chunks_mut(PIECE) {
            let end = at + piece.len() as u64;
            let slice = self.blob.slice_with_f64_and_f64(at as f64, end as f64);
            let read = slice.and_then(|slice| read(&slice, piece));
            let whole = read.map_err(|e| {
                let reason = match js::name(&e).as_str() {
                    "NotReadableError" | "NotFoundError" => {
                        "it changed or moved since it was opened; open it again".into()
                    }
                    _ => js::message(&e),
                };
                Error::Io { path: self.name.clone(), source: io::Error::other(reason) }
            })?;
            if !whole {
                return Err(truncated());
            }
            at = end;
        }
        Ok(())
    }

    fn name(&self) -> &str {
        &self.name
    }
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
        let window = Window::default();
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
