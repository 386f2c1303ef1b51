//! Reading ahead: tiles that follow one another come from a window, which is filled from a stream while nobody waits.
//!
//! A synchronous read costs a round trip to the browser's process for every slice. A stream's bytes are brought into a pipe while the
//! worker computes; [`read_ahead`] takes them out of it between two steps.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use maec_checkpoint::{ByteSource, Error};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::ReadableStreamByobReader;

use crate::BlobSource;
use crate::blob::release;

/// Bytes of a window.
const AHEAD: usize = 2 << 20;

thread_local! {
    /// All windows there are.
    static WINDOWS: RefCell<Vec<Weak<RefCell<State>>>> = const { RefCell::new(Vec::new()) };
}

/// What was read of one of several sources. All sources of a model share one, since one is read at a time.
#[derive(Debug, Clone)]
pub(crate) struct Window(SendWrapper<Rc<RefCell<State>>>);

#[derive(Debug, Default)]
struct State {
    /// The source that was read last.
    source: usize,
    /// Where the next read begins, if it goes on from the last.
    next: u64,
    /// Where the bytes that are here begin.
    start: u64,
    /// How many there are.
    filled: usize,
    /// What they are in, while it is not being filled.
    buffer: Option<ArrayBuffer>,
    /// The source, while it is read from front to back, as a stream may go on.
    from: Option<BlobSource>,
    stream: Option<Stream>,
    /// Whether anything was read since [`read_ahead`] last came by.
    was_read: bool,
    /// This browser has no such streams, or one failed: the window is filled by synchronous reads alone.
    has_no_stream: bool,
    /// Counts how often the window began anew.
    run: u64,
}

/// The bytes behind a window, on their way.
#[derive(Debug)]
struct Stream {
    reader: ReadableStreamByobReader,
    /// Where its next bytes stand in the source.
    at: u64,
}

impl Drop for Stream {
    fn drop(&mut self) {
        let cancelled = self.reader.cancel();
        spawn_local(async move {
            // Nobody is left to be told how that went.
            let _ = JsFuture::from(cancelled).await;
        });
    }
}

impl Window {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let state = Rc::new(RefCell::new(State::default()));
        WINDOWS.with_borrow_mut(|windows| {
            windows.retain(|window| window.strong_count() > 0);
            windows.push(Rc::downgrade(&state));
        });
        Self(SendWrapper::new(state))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.forget();
    }
}

impl State {
    /// Gives everything back.
    fn forget(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            release(&buffer);
        }
        (self.stream, self.from, self.filled) = (None, None, 0);
        self.run += 1;
    }

    /// Copies some bytes, if they are here.
    fn copy(&self, source: usize, offset: u64, buf: &mut [u8]) -> bool {
        let place = offset.checked_sub(self.start).filter(|_| source == self.source);
        let here = place.filter(|place| place + buf.len() as u64 <= self.filled as u64);
        let (Some(place), Some(buffer)) = (here, &self.buffer) else { return false };
        // Both are at most a window.
        let (place, length) = (place as u32, buf.len() as u32);
        Uint8Array::new_with_byte_offset_and_length(buffer, place, length).copy_to(buf);
        true
    }

    /// Begins to read what follows the window's bytes; `None` where there is nothing, or no room.
    fn begin(&mut self) -> Result<Option<JsFuture>, JsValue> {
        let (Some(from), Some(buffer)) = (&self.from, &self.buffer) else { return Ok(None) };
        let (at, used) = (self.start + self.filled as u64, (self.next - self.start) as usize);
        let (left, size) = (self.filled - used, buffer.byte_length() as usize);
        if at == from.len() || left == size {
            return Ok(None);
        }
        let reader = match self.stream.take().filter(|stream| stream.at == at) {
            Some(stream) => self.stream.insert(stream),
            None => {
                let reader = ReadableStreamByobReader::new(&from.slice(at, from.len())?.stream())?;
                self.stream.insert(Stream { reader, at })
            }
        };
        Uint8Array::new(buffer).copy_within(0, used as i32, self.filled as i32);
        let room = Uint8Array::new_with_byte_offset_and_length(buffer, left as u32, (size - left) as u32);
        let read = JsFuture::from(reader.reader.read_with_array_buffer_view(&room));
        (self.start, self.filled, self.buffer) = (self.next, left, None);
        Ok(Some(read))
    }

    /// Takes what was read; `false` where that is nothing.
    fn take(&mut self, run: u64, read: Result<JsValue, JsValue>) -> bool {
        let bytes = read.and_then(|read| Reflect::get(&read, &"value".into())?.dyn_into::<Uint8Array>());
        let Ok(bytes) = bytes else { return run != self.run };
        let (buffer, length) = (bytes.buffer(), bytes.length());
        if run != self.run {
            release(&buffer);
            return true;
        }
        self.buffer = Some(buffer);
        self.filled += length as usize;
        if let Some(stream) = &mut self.stream {
            stream.at += u64::from(length);
        }
        length > 0
    }

    /// Does without streams from now on.
    fn give_up(&mut self) {
        self.has_no_stream = true;
        self.forget();
    }
}

/// Fills the windows of all files that are being read from front to back, between two steps of whatever reads them, and gives those
/// back of which nothing was read since the last time.
pub async fn read_ahead() {
    let windows: Vec<_> = WINDOWS.with_borrow(|windows| windows.iter().filter_map(Weak::upgrade).collect());
    for window in &windows {
        let mut window = window.borrow_mut();
        if !std::mem::take(&mut window.was_read) {
            window.forget();
        }
    }
    loop {
        // All of them at once, so that none waits for another.
        let begin = |window: &Rc<RefCell<State>>| {
            let mut state = window.borrow_mut();
            let begun = state.begin().unwrap_or_else(|_| {
                state.give_up();
                None
            });
            Some((window.clone(), state.run, begun?))
        };
        let begun: Vec<_> = windows.iter().filter_map(begin).collect();
        if begun.is_empty() {
            return;
        }
        for (window, run, read) in begun {
            let read = read.await;
            let mut window = window.borrow_mut();
            if !window.take(run, read) {
                window.give_up();
            }
        }
    }
}

/// A source that is read ahead while it is read from front to back.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    source: BlobSource,
    /// Which of the window's sources it is.
    number: usize,
    window: Window,
}

impl ReadAhead {
    /// One of the sources of a window, by its number.
    pub(crate) fn new(source: BlobSource, number: usize, window: Window) -> Self {
        Self { source, number, window }
    }
}

impl ByteSource for ReadAhead {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let mut window = self.window.0.borrow_mut();
        let end = offset.saturating_add(buf.len() as u64);
        let goes_on = window.source == self.number && window.next == offset && offset > 0;
        if !window.copy(self.number, offset, buf) {
            window.forget();
            (window.source, window.start) = (self.number, offset);
            if goes_on && buf.len() < AHEAD && end <= self.len() {
                window.filled = (self.len() - offset).min(AHEAD as u64) as usize;
                window.buffer = Some(self.source.read(offset, window.filled)?);
                window.from = (!window.has_no_stream).then(|| self.source.clone());
                window.copy(self.number, offset, buf);
            } else {
                self.source.read_at(offset, buf)?;
            }
        }
        (window.next, window.was_read) = (end, true);
        Ok(())
    }

    fn name(&self) -> &str {
        self.source.name()
    }
}
