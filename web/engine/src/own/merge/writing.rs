//! Files of a merge while they are written: all of them, or none.

use std::rc::Rc;

use maec_checkpoint::{FileSet, SafetensorsReader};
use maec_merge::folder::is_ours;

use super::folder::{Folder, OutFile};
use crate::Failure;

/// Bytes that are gathered before they are written.
pub(super) const BUFFER_BYTES: usize = if cfg!(test) { 64 } else { 2 << 20 };

/// Files of a folder that become visible together.
pub(super) struct Writing {
    folder: Rc<dyn Folder>,
    /// Names of the files that were there before.
    before: Vec<String>,
    /// All files begun; the last may not be whole.
    files: Vec<Begun>,
    /// Bytes of the last file that are yet to be written.
    buffer: Vec<u8>,
}

/// A file that has begun.
struct Begun {
    name: String,
    /// Bytes written.
    length: u64,
    /// What writes it, until it is visible.
    file: Option<Box<dyn OutFile>>,
}

impl Writing {
    /// Begins in a folder, where files of these names will be written. Fails where one of them is another's.
    pub async fn new(folder: Rc<dyn Folder>, names: &[String]) -> Result<Self, Failure> {
        let there = folder.files().await?;
        let known = there.files();
        let taken = known.iter().filter(|(name, length)| *length > 0 && names.contains(name));
        let metadata = weights(there.as_ref(), &known);
        let foreign = taken.into_iter().find(|(name, _)| !metadata.iter().any(|it| is_ours(it, name)));
        if let Some((name, _)) = foreign {
            let message = format!("The folder has a file `{name}` that no merge of the studio wrote.");
            return Err(Failure::refused(message, "Choose an empty folder."));
        }
        let before = known.into_iter().map(|(name, _)| name).collect();
        Ok(Self { folder, before, files: Vec::new(), buffer: Vec::new() })
    }

    /// Begins a file.
    pub async fn begin(&mut self, name: &str) -> Result<(), Failure> {
        // The name may be there from now on, whatever comes of the file.
        self.files.push(Begun { name: name.to_owned(), length: 0, file: None });
        let file = self.folder.create(name).await?;
        if let Some(last) = self.files.last_mut() {
            last.file = Some(file);
        }
        Ok(())
    }

    /// The next bytes of the file begun last.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BUFFER_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            rest = later;
            if self.buffer.len() == BUFFER_BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// The file begun last is whole.
    pub async fn flush(&mut self) -> Result<(), Failure> {
        if let Some(Begun { length, file: Some(file), .. }) = self.files.last_mut() {
            file.write(&self.buffer).await?;
            *length += self.buffer.len() as u64;
        }
        self.buffer.clear();
        Ok(())
    }

    /// A small file.
    pub async fn text(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        self.begin(name).await?;
        self.write(text.as_bytes()).await?;
        self.flush().await
    }

    /// Makes all files visible; their names and lengths in the order in which they were begun.
    pub async fn finish(&mut self) -> Result<Vec<(String, u64)>, Failure> {
        for begun in &mut self.files {
            if let Some(file) = begun.file.take() {
                file.finish().await?;
            }
        }
        Ok(self.files.iter().map(|begun| (begun.name.clone(), begun.length)).collect())
    }

    /// Leaves the folder as it was, but for files of earlier merges that were replaced.
    pub async fn undo(self) {
        for Begun { name, file, .. } in self.files {
            if let Some(file) = file {
                file.discard().await;
            }
            if !self.before.contains(&name) {
                // What failed is told already.
                let _ = self.folder.remove(&name).await;
            }
        }
    }
}

/// Metadata of the weights that are in a folder.
fn weights(there: &dyn FileSet, known: &[(String, u64)]) -> Vec<std::collections::BTreeMap<String, String>> {
    let weights = known.iter().filter(|(name, _)| name.ends_with(".safetensors"));
    let open = |(name, _): &(String, u64)| SafetensorsReader::open(there.open(name).ok()?).ok();
    weights.filter_map(open).map(|reader| reader.metadata().clone()).collect()
}
