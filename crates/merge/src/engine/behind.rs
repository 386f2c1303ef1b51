//! Writing behind: a file's bytes go out on a thread of their own, and from the system to the disk on another.

use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::WAITING;

/// Bytes after which a flush is asked for: without one the last flush would wait for the whole file.
const FLUSH_BYTES: usize = 32 << 20;

/// What is done next, in order.
enum Task {
    /// The file's next bytes; `true` where the tensor's checksum covers them.
    Bytes(Vec<u8>, bool),
    /// The tensor of this place is whole: its checksum goes to the journal.
    Wrote(usize),
}

/// A file that is being written. Dropped, it writes what waits and no more.
#[derive(Debug)]
pub(super) struct Behind {
    tasks: Option<SyncSender<Task>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Behind {
    /// Appends to a file from its cursor on, and lines of whole tensors to a journal.
    pub(super) fn new(file: File, journal: File) -> Self {
        let (tasks, receiver) = sync_channel(WAITING);
        let thread = thread::spawn(move || write(&file, &journal, receiver));
        Self { tasks: Some(tasks), thread: Some(thread) }
    }

    /// The file's next bytes, which no checksum covers.
    pub(super) fn header(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.send(Task::Bytes(bytes, false))
    }

    /// The next bytes of a tensor.
    pub(super) fn bytes(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.send(Task::Bytes(bytes, true))
    }

    /// The tensor of a place is whole.
    pub(super) fn wrote(&mut self, tensor: usize) -> io::Result<()> {
        self.send(Task::Wrote(tensor))
    }

    /// Waits until everything is on the disk.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.tasks = None;
        let written = self.thread.take().map(|thread| thread.join());
        written.map_or(Ok(()), |written| written.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }

    fn send(&mut self, task: Task) -> io::Result<()> {
        match self.tasks.as_ref().map(|tasks| tasks.send(task)) {
            Some(Ok(())) => Ok(()),
            // The thread hung up: its own error is the one to tell.
            _ => self.finish(),
        }
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.tasks = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn write(mut file: &File, mut journal: &File, tasks: Receiver<Task>) -> io::Result<()> {
    thread::scope(|scope| {
        let (flush, due) = sync_channel(1);
        let flushing = scope.spawn(move || due.into_iter().try_for_each(|()| file.sync_data()));
        let (mut checksum, mut unflushed) = (crc32fast::Hasher::new(), 0);
        for task in tasks {
            match task {
                Task::Bytes(bytes, covered) => {
                    if covered {
                        checksum.update(&bytes);
                    }
                    file.write_all(&bytes)?;
                    unflushed += bytes.len();
                }
                Task::Wrote(tensor) => {
                    let sum = std::mem::take(&mut checksum).finalize();
                    journal.write_all(format!("{tensor} {sum:08x}\n").as_bytes())?;
                }
            }
            if unflushed >= FLUSH_BYTES && flush.try_send(()).is_ok() {
                unflushed = 0;
            }
        }
        drop(flush);
        // The system tells an error of a flush once only.
        flushing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        file.sync_all()
    })
}
