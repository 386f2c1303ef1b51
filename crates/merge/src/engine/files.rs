//! A merge's files on disk, with a journal by which a killed merge is gone on with.
//!
//! Everything is written in a folder beside the output's name. The journal has a line for what is merged, then one for each
//! tensor that has been written whole: its place and its CRC-32. A merge that is resumed reads those tensors back, keeps
//! what the journal vouches for, and goes on after it to the same bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use maec_checkpoint::{AtomicFolder, Error};

use super::behind::Behind;
use super::{Output, Shard};

/// The journal's name in the folder.
const JOURNAL: &str = ".maec-journal";
/// Bytes read back at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Files in a folder that is not yet visible.
#[derive(Debug)]
pub struct FilesOutput {
    folder: AtomicFolder,
    journal: File,
    /// What is merged: a journal of anything else is not gone on with.
    key: String,
    /// Bytes of every tensor, in the output's order.
    tensor_bytes: Vec<u64>,
    shown: String,
    file: Option<Behind>,
    /// Whether the shard's header, which no checksum covers, comes next.
    at_header: bool,
}

impl FilesOutput {
    /// An output in a folder, for tensors of these sizes; `key` tells merges apart, on one line. Without `resume` whatever
    /// the folder holds from before is removed.
    ///
    /// # Errors
    ///
    /// As the disk has them.
    pub fn new(
        folder: AtomicFolder,
        shown: &Path,
        key: &str,
        tensor_bytes: Vec<u64>,
        resume: bool,
    ) -> Result<Self, Error> {
        if !resume {
            folder.clear()?;
        }
        let journal = folder.open(JOURNAL)?;
        Ok(Self {
            folder,
            journal,
            key: key.to_owned(),
            tensor_bytes,
            shown: shown.display().to_string(),
            file: None,
            at_header: false,
        })
    }

    /// The folder with all files whole; its journal is for [`remove_journal`] to remove, when nothing else can fail.
    pub fn into_folder(self) -> AtomicFolder {
        self.folder
    }

    /// Writes a file from its cursor on.
    fn behind(&self, file: File) -> io::Result<Behind> {
        Ok(Behind::new(file, self.journal.try_clone()?))
    }

    /// Does something with the file begun last.
    fn with_file(&mut self, run: impl FnOnce(&mut Behind) -> io::Result<()>) -> Result<(), Error> {
        self.file.as_mut().map_or(Ok(()), run).map_err(|error| self.failed(error))
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Write { path: self.shown.clone(), source }
    }

    /// The checksums that the journal has, of tensors 0, 1, 2, …; `None` where it is another merge's.
    fn journaled(&mut self) -> io::Result<Option<Vec<u32>>> {
        self.journal.seek(SeekFrom::Start(0))?;
        let mut lines = BufReader::new(&self.journal).lines();
        let mut found = Vec::new();
        if lines.next().transpose()?.as_deref() != Some(&self.key) {
            return Ok(None);
        }
        for line in lines {
            let line = line?;
            let entry =
                line.split_once(' ').and_then(|(place, sum)| Some((place.parse::<usize>().ok()?, sum)));
            match entry.zip(entry.and_then(|(_, sum)| u32::from_str_radix(sum, 16).ok())) {
                Some(((place, _), sum))
                    if place == found.len() && line.len() == place.to_string().len() + 9 =>
                {
                    found.push(sum);
                }
                // The last line of a killed process may be cut off.
                _ => break,
            }
        }
        Ok(Some(found))
    }

    /// How many tensors of a shard its file holds whole, and where they end.
    fn kept(&self, shard: &Shard, file: &mut File, sums: &[u32]) -> io::Result<(usize, u64)> {
        let mut end = shard.header.len() as u64;
        let mut header = vec![0; shard.header.len()];
        file.seek(SeekFrom::Start(0))?;
        if file.metadata()?.len() < end || file.read_exact(&mut header).is_err() || header != shard.header {
            return Ok((0, 0));
        }
        let mut count = 0;
        for place in shard.tensors.clone() {
            let bytes = self.tensor_bytes[place];
            let Some(expected) = sums.get(place) else { break };
            let mut sum = crc32fast::Hasher::new();
            if !read_back(file, bytes, &mut |chunk| sum.update(chunk))? || sum.finalize() != *expected {
                break;
            }
            (count, end) = (count + 1, end + bytes);
        }
        Ok((count, end))
    }

    fn resume_all(&mut self, shards: &[Shard], seen: &mut dyn FnMut(usize, &[u8])) -> io::Result<usize> {
        let sums = match self.journaled()? {
            Some(sums) => sums,
            None => {
                // Another merge's files must not be taken for this one's.
                self.folder.clear().map_err(io::Error::other)?;
                self.journal = self.folder.open(JOURNAL).map_err(io::Error::other)?;
                Vec::new()
            }
        };
        let (mut done, mut cut) = (0, None);
        for shard in shards {
            let mut file = self.folder.open(&shard.file).map_err(io::Error::other)?;
            let (count, end) = self.kept(shard, &mut file, &sums)?;
            file.seek(SeekFrom::Start(shard.header.len() as u64))?;
            for place in shard.tensors.start..shard.tensors.start + count {
                seen(place, &[]);
                read_back(&mut file, self.tensor_bytes[place], &mut |chunk| seen(place, chunk))?;
            }
            done += count;
            if count == 0 {
                file.set_len(0)?;
                break;
            }
            if count < shard.tensors.len() {
                file.set_len(end)?;
                file.seek(SeekFrom::Start(end))?;
                cut = Some(file);
                break;
            }
            file.sync_all()?;
        }
        // The journal begins anew with what it vouches for.
        self.journal.set_len(0)?;
        self.journal.seek(SeekFrom::Start(0))?;
        let mut text = format!("{}\n", self.key);
        for (place, sum) in sums[..done].iter().enumerate() {
            text += &format!("{place} {sum:08x}\n");
        }
        self.journal.write_all(text.as_bytes())?;
        self.file = cut.map(|file| self.behind(file)).transpose()?;
        Ok(done)
    }
}

/// Removes the journal from a folder that is about to get its name.
///
/// # Errors
///
/// [`Error::Write`].
pub fn remove_journal(folder: &AtomicFolder) -> Result<(), Error> {
    folder.remove(JOURNAL)
}

/// Reads the next bytes of a file in pieces; `false` where it ends before.
fn read_back(file: &mut File, bytes: u64, each: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
    let mut left = bytes;
    let mut chunk = vec![0; CHUNK_BYTES.min(usize::try_from(bytes).unwrap_or(CHUNK_BYTES))];
    while left > 0 {
        let part = chunk.len().min(usize::try_from(left).unwrap_or(CHUNK_BYTES));
        match file.read_exact(&mut chunk[..part]) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        each(&chunk[..part]);
        left -= part as u64;
    }
    Ok(true)
}

impl Output for FilesOutput {
    fn resume(&mut self, shards: &[Shard], seen: &mut dyn FnMut(usize, &[u8])) -> Result<usize, Error> {
        self.resume_all(shards, seen).map_err(|error| self.failed(error))
    }

    fn begin(&mut self, shard: &Shard) -> Result<(), Error> {
        let file = self.folder.open(&shard.file)?;
        let emptied = file.set_len(0).and_then(|()| self.behind(file));
        self.file = Some(emptied.map_err(|error| self.failed(error))?);
        self.at_header = true;
        Ok(())
    }

    fn write(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let at_header = std::mem::take(&mut self.at_header);
        self.with_file(|file| if at_header { file.header(bytes) } else { file.bytes(bytes) })
    }

    fn wrote(&mut self, tensor: usize) -> Result<(), Error> {
        self.with_file(|file| file.wrote(tensor))
    }

    fn end(&mut self) -> Result<(), Error> {
        let ended = self.with_file(Behind::finish);
        self.file = None;
        ended
    }
}
