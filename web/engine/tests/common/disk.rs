//! A folder in memory, as full as a test wants it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use futures::future::LocalBoxFuture;
use maec_checkpoint::{FileSet, MemoryFiles};
use maec_engine::{Failure, Folder, OutFile};

use super::Files;

/// A folder.
#[derive(Default)]
pub struct Disk {
    /// Its files.
    pub files: RefCell<Files>,
    /// Files that are being written.
    pub open: Cell<usize>,
    /// Bytes that can still be written, if there is a limit.
    pub room: Cell<Option<usize>>,
    /// Bytes of the longest write.
    pub longest: Cell<usize>,
}

/// A folder that several hold.
#[derive(Clone, Default)]
pub struct Shared(pub Rc<Disk>);

/// A file of it that is being written.
struct Out {
    disk: Rc<Disk>,
    name: String,
    bytes: Vec<u8>,
}

impl Folder for Shared {
    fn files(&self) -> LocalBoxFuture<'_, Result<Arc<dyn FileSet>, Failure>> {
        Box::pin(async move {
            let files: Arc<dyn FileSet> = Arc::new(MemoryFiles::new("disk", self.0.files.borrow().clone()));
            Ok(files)
        })
    }

    fn create<'a>(&'a self, name: &'a str) -> LocalBoxFuture<'a, Result<Box<dyn OutFile>, Failure>> {
        Box::pin(async move {
            self.0.open.set(self.0.open.get() + 1);
            // As in a browser, the name is there at once.
            self.0.files.borrow_mut().entry(name.into()).or_default();
            let out = Out { disk: self.0.clone(), name: name.into(), bytes: Vec::new() };
            Ok(Box::new(out) as Box<dyn OutFile>)
        })
    }

    fn remove<'a>(&'a self, name: &'a str) -> LocalBoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.0.files.borrow_mut().remove(name);
            Ok(())
        })
    }
}

impl OutFile for Out {
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> LocalBoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.disk.longest.set(self.disk.longest.get().max(bytes.len()));
            if let Some(room) = self.disk.room.get() {
                let left = room.checked_sub(bytes.len());
                self.disk.room.set(left);
                if left.is_none() {
                    return Err(Failure::refused("The disk is full.", "Make room."));
                }
            }
            self.bytes.extend_from_slice(bytes);
            Ok(())
        })
    }

    fn finish(self: Box<Self>) -> LocalBoxFuture<'static, Result<(), Failure>> {
        Box::pin(async move {
            self.disk.open.set(self.disk.open.get() - 1);
            self.disk.files.borrow_mut().insert(self.name, self.bytes);
            Ok(())
        })
    }

    fn discard(self: Box<Self>) -> LocalBoxFuture<'static, ()> {
        Box::pin(async move {
            self.disk.open.set(self.disk.open.get() - 1);
        })
    }
}
