//! One file's blocks in the store: which are whole, and the bytes of those.

use std::ops::Range;

use crate::hash::Hasher;
use crate::journal::{DONE_LINE, Heading, Journal, block_line};
use crate::{BlockFile, Digest, StoreError};

/// Length of a block: what is lost when a transfer is cut, and the least that is fetched.
pub const BLOCK_BYTES: u64 = 256 << 10;

/// Bytes read at once while a file is checked.
const SLICE: u64 = 4 << 20;

/// A file of the store with what its journal says.
#[derive(Debug)]
pub(crate) struct Cache<F> {
    file: F,
    bytes: u64,
    /// Whether each block is whole.
    whole: Vec<bool>,
    /// The journal calls the file complete and checked.
    done: bool,
}

impl<F: BlockFile> Cache<F> {
    /// Takes over a store's file for `bytes` bytes in the version `validator`; what it holds of another version is dropped.
    pub(crate) fn open(file: F, bytes: u64, validator: Option<&str>) -> Result<Self, StoreError> {
        let heading = Heading { bytes, block: BLOCK_BYTES, validator: validator.map(Into::into) };
        let blocks = usize::try_from(bytes.div_ceil(BLOCK_BYTES)).unwrap_or(usize::MAX);
        let mut cache = Self { file, bytes, whole: vec![false; blocks], done: false };
        match Journal::parse(&cache.file.journal()?).filter(|journal| journal.heading == heading) {
            Some(journal) if journal.done && cache.file.len()? == bytes => {
                cache.whole.fill(true);
                cache.done = true;
                cache.file.finish()?;
            }
            // Complete once, but of another length now: nothing of it can be trusted.
            Some(journal) if journal.done => cache.restart(bytes, validator)?,
            Some(journal) => cache.check_blocks(&journal)?,
            None => cache.restart(bytes, validator)?,
        }
        Ok(cache)
    }

    /// Drops everything and begins a version of the file.
    pub(crate) fn restart(&mut self, bytes: u64, validator: Option<&str>) -> Result<(), StoreError> {
        self.file.clear()?;
        self.bytes = bytes;
        self.done = false;
        self.whole.clear();
        self.whole.resize(usize::try_from(bytes.div_ceil(BLOCK_BYTES)).unwrap_or(usize::MAX), false);
        self.file.append(&Heading { bytes, block: BLOCK_BYTES, validator: validator.map(Into::into) }.line())
    }

    /// Believes a journal's blocks whose bytes have the CRC that it names.
    fn check_blocks(&mut self, journal: &Journal) -> Result<(), StoreError> {
        let len = self.file.len()?;
        let mut buf = Vec::new();
        for &(index, crc) in &journal.blocks {
            let range = self.block(index);
            if range.is_empty() || range.end > len {
                continue;
            }
            buf.resize((range.end - range.start) as usize, 0);
            self.file.read_at(range.start, &mut buf)?;
            self.whole[index as usize] = crc32fast::hash(&buf) == crc;
        }
        Ok(())
    }

    /// The bytes of a block; empty beyond the end.
    fn block(&self, index: u64) -> Range<u64> {
        let start = index.saturating_mul(BLOCK_BYTES).min(self.bytes);
        start..start.saturating_add(BLOCK_BYTES).min(self.bytes)
    }

    /// The blocks that a range of bytes touches.
    fn touched(&self, range: &Range<u64>) -> Range<u64> {
        let end = range.end.min(self.bytes);
        if range.start >= end {
            return 0..0;
        }
        range.start / BLOCK_BYTES..end.div_ceil(BLOCK_BYTES)
    }

    /// Whether all bytes of a range are there.
    pub(crate) fn has(&self, range: &Range<u64>) -> bool {
        self.touched(range).all(|block| self.whole[block as usize])
    }

    /// The runs of absent blocks that a range touches, as bytes, in order.
    pub(crate) fn missing(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let mut runs: Vec<Range<u64>> = Vec::new();
        for block in self.touched(range).filter(|block| !self.whole[*block as usize]) {
            let bytes = self.block(block);
            match runs.last_mut() {
                Some(run) if run.end == bytes.start => run.end = bytes.end,
                _ => runs.push(bytes),
            }
        }
        runs
    }

    /// Bytes in whole blocks.
    pub(crate) fn present(&self) -> u64 {
        (0..)
            .zip(&self.whole)
            .filter(|(_, whole)| **whole)
            .map(|(i, _)| self.block(i))
            .map(|b| b.end - b.start)
            .sum()
    }

    /// Reads bytes that are [there](Self::has).
    pub(crate) fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreError> {
        self.file.read_at(offset, buf)
    }

    /// Keeps the block that begins at `start`, unless it is there; says whether it is new.
    fn keep(&mut self, start: u64, bytes: &[u8]) -> Result<bool, StoreError> {
        let index = start / BLOCK_BYTES;
        if self.whole[index as usize] {
            return Ok(false);
        }
        self.file.write_at(start, bytes)?;
        self.file.append(&block_line(index, crc32fast::hash(bytes)))?;
        self.whole[index as usize] = true;
        Ok(true)
    }

    /// Whether the file is complete and checked.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Begins to check a file whose blocks are all whole.
    pub(crate) fn check(&self, digest: &Digest) -> Check {
        Check { hasher: Hasher::new(digest, self.bytes), at: 0, bytes: self.bytes }
    }

    /// Calls the file complete.
    pub(crate) fn finish(&mut self) -> Result<(), StoreError> {
        self.file.sync()?;
        self.file.append(DONE_LINE)?;
        self.file.finish()?;
        self.done = true;
        Ok(())
    }
}

/// A file's hash on its way.
pub(crate) struct Check {
    hasher: Hasher,
    at: u64,
    bytes: u64,
}

impl Check {
    /// Reads on a little; gives the hash at the end.
    pub(crate) fn step<F: BlockFile>(mut self, cache: &Cache<F>) -> Result<Result<Digest, Self>, StoreError> {
        let mut buf = vec![0; SLICE.min(self.bytes - self.at) as usize];
        cache.read(self.at, &mut buf)?;
        self.hasher.update(&buf);
        self.at += buf.len() as u64;
        Ok(if self.at == self.bytes { Ok(self.hasher.finish()) } else { Err(self) })
    }
}

/// Cuts a stream of bytes into blocks and keeps each that is whole.
pub(crate) struct BlockWriter {
    /// Where the next byte belongs.
    at: u64,
    block: Vec<u8>,
}

impl BlockWriter {
    /// A stream that begins at `start`, a block's first byte.
    pub(crate) fn new(start: u64) -> Self {
        Self { at: start, block: Vec::new() }
    }

    /// Takes the stream's next bytes; gives the number of bytes that were new. Bytes past the file's end are dropped.
    pub(crate) fn push<F: BlockFile>(
        &mut self,
        cache: &mut Cache<F>,
        mut chunk: &[u8],
    ) -> Result<u64, StoreError> {
        let mut fresh = 0;
        loop {
            let end = cache.block(self.at / BLOCK_BYTES).end;
            let take = usize::try_from(end.saturating_sub(self.at)).unwrap_or(usize::MAX).min(chunk.len());
            if take == 0 {
                return Ok(fresh);
            }
            self.block.extend_from_slice(&chunk[..take]);
            self.at += take as u64;
            chunk = &chunk[take..];
            if self.at == end {
                if cache.keep(end - self.block.len() as u64, &self.block)? {
                    fresh += self.block.len() as u64;
                }
                self.block.clear();
            }
        }
    }

    /// Where the next byte belongs.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BLOCK_BYTES, BlockWriter, Cache};
    use crate::memory::MemoryFile;
    use crate::{BlockFile, Digest};

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 % 251) as u8).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn runs_and_reads_agree(
            blocks in 0..6u64, rest in 0..BLOCK_BYTES, kept in proptest::collection::vec(any::<bool>(), 7), step in 1..700_000usize,
        ) {
            let data = bytes((blocks * BLOCK_BYTES + rest) as usize);
            let len = data.len() as u64;
            let store = MemoryFile::default();
            let mut cache = Cache::open(store.clone(), len, Some("v")).expect("a cache");
            for (i, _) in kept.iter().enumerate().filter(|(i, keep)| **keep && (*i as u64) * BLOCK_BYTES < len) {
                let start = i as u64 * BLOCK_BYTES;
                let mut writer = BlockWriter::new(start);
                let part = &data[start as usize..(start + BLOCK_BYTES).min(len) as usize];
                for chunk in part.chunks(step) {
                    writer.push(&mut cache, chunk).expect("memory");
                }
            }
            let missing = cache.missing(&(0..u64::MAX));
            let absent: u64 = missing.iter().map(|run| run.end - run.start).sum();
            prop_assert_eq!(absent + cache.present(), len);
            prop_assert!(missing.windows(2).all(|pair| pair[0].end < pair[1].start), "runs touch");
            // Another opening finds the same; then a whole pass completes it.
            let mut again = Cache::open(store.clone(), len, Some("v")).expect("a cache");
            prop_assert_eq!(again.missing(&(0..len)), missing);
            let mut writer = BlockWriter::new(0);
            let fresh: u64 = data.chunks(step).map(|chunk| writer.push(&mut again, chunk).expect("memory")).sum();
            prop_assert_eq!(fresh, absent);
            prop_assert!(again.has(&(0..len)));
            let mut read = vec![0; data.len()];
            again.read(0, &mut read).expect("memory");
            prop_assert!(read == data);
            // Another version drops everything.
            let other = Cache::open(store, len, Some("w")).expect("a cache");
            prop_assert_eq!(other.present(), 0);
        }
    }

    #[test]
    fn a_block_whose_bytes_never_reached_the_disk_is_fetched_again() {
        let store = MemoryFile::default();
        let mut cache = Cache::open(store.clone(), 3 * BLOCK_BYTES, None).expect("a cache");
        BlockWriter::new(0).push(&mut cache, &bytes(3 * BLOCK_BYTES as usize)).expect("memory");
        store.write_at(BLOCK_BYTES + 5, b"torn").expect("memory");
        let cache = Cache::open(store, 3 * BLOCK_BYTES, None).expect("a cache");
        assert_eq!(cache.missing(&(0..u64::MAX)), vec![BLOCK_BYTES..2 * BLOCK_BYTES]);
    }

    #[test]
    fn a_done_file_of_another_length_is_dropped() {
        let store = MemoryFile::default();
        let mut cache = Cache::open(store.clone(), 10, None).expect("a cache");
        BlockWriter::new(0).push(&mut cache, &bytes(10)).expect("memory");
        cache.finish().expect("memory");
        assert!(Cache::open(store.clone(), 10, None).expect("a cache").is_done());
        store.write_at(10, b"longer").expect("memory");
        let cache = Cache::open(store, 10, None).expect("a cache");
        assert!(!cache.is_done() && cache.present() == 0);
    }

    #[test]
    fn checks_hash_everything_in_order() {
        let data = bytes(9 << 20);
        let mut cache = Cache::open(MemoryFile::default(), data.len() as u64, None).expect("a cache");
        BlockWriter::new(0).push(&mut cache, &data).expect("memory");
        let digest = Digest::Sha256(<sha2::Sha256 as sha2::Digest>::digest(&data).into());
        let mut check = cache.check(&digest);
        loop {
            match check.step(&cache).expect("memory") {
                Ok(found) => break assert_eq!(found, digest),
                Err(on) => check = on,
            }
        }
    }
}
