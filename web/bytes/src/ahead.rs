//! Reading ahead: tiles that follow one another come from one larger slice.

use std::sync::{Arc, Mutex, PoisonError};

use maec_checkpoint::{ByteSource, Error};

/// Bytes read at once: a slice costs about as much time as reading some 100 KiB of it.
const AHEAD: usize = 1 << 20;

/// What was read of one of several sources. All sources of a model share one, since one is read at a time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Window(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The source that was read last.
    source: usize,
    /// Where the next read begins, if it goes on from the last.
    next: u64,
    /// Where the bytes that are here begin.
    start: u64,
    bytes: Vec<u8>,
}

/// A source that is read ahead while it is read from front to back.
#[derive(Debug)]
pub(crate) struct ReadAhead<S> {
    source: S,
    /// Which of the window's sources it is.
    number: usize,
    window: Window,
}

impl<S: ByteSource> ReadAhead<S> {
    /// One of the sources of a window, by its number.
    pub(crate) fn new(source: S, number: usize, window: Window) -> Self {
        Self { source, number, window }
    }
}

impl State {
    /// The place of some bytes in the window.
    fn place(&self, source: usize, offset: u64, length: usize) -> Option<usize> {
        let place = offset.checked_sub(self.start).filter(|_| source == self.source)?;
        (place + length as u64 <= self.bytes.len() as u64).then_some(place as usize)
    }
}

impl<S: ByteSource> ByteSource for ReadAhead<S> {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let mut window = self.window.0.lock().unwrap_or_else(PoisonError::into_inner);
        let end = offset.saturating_add(buf.len() as u64);
        let goes_on = window.source == self.number && window.next == offset && offset > 0;
        if window.place(self.number, offset, buf.len()).is_none() {
            (window.source, window.start) = (self.number, offset);
            window.bytes.clear();
            if goes_on && buf.len() < AHEAD && end <= self.len() {
                let length = (self.len() - offset).min(AHEAD as u64) as usize;
                window.bytes.resize(length, 0);
                if let Err(error) = self.source.read_at(offset, &mut window.bytes) {
                    window.bytes.clear();
                    return Err(error);
                }
            } else {
                self.source.read_at(offset, buf)?;
            }
        }
        if let Some(place) = window.place(self.number, offset, buf.len()) {
            buf.copy_from_slice(&window.bytes[place..place + buf.len()]);
        }
        window.next = end;
        Ok(())
    }

    fn name(&self) -> &str {
        self.source.name()
    }
}
