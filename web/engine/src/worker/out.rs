//! Folders that merges are written into: one that a person picked, or the origin's private one.

use std::rc::Rc;
use std::sync::Arc;

use futures::future::LocalBoxFuture;
use maec_bytes::{AsyncSink, OpfsSink, PickedFolder, SavePickerSink, opfs_remove};
use maec_checkpoint::{ByteSink, FileSet, MemoryFiles};
use maec_protocol::{Destination, PRIVATE_FOLDER};
use web_sys::FileSystemDirectoryHandle;

use crate::{Failure, Folder, OutFile};

/// As [`crate::Host::folder`].
pub async fn folder(
    destination: Destination,
    picked: Option<FileSystemDirectoryHandle>,
) -> Result<Rc<dyn Folder>, Failure> {
    match (destination, picked) {
        (Destination::Folder, Some(handle)) => Ok(Rc::new(PickedFolder::new(handle))),
        (Destination::Folder, None) => {
            Err(Failure::refused("No folder came with the request.", "Choose one."))
        }
        (Destination::Private, _) => {
            opfs_remove(PRIVATE_FOLDER).await.map_err(Failure::of)?;
            Ok(Rc::new(Private))
        }
    }
}

impl Folder for PickedFolder {
    fn files(&self) -> LocalBoxFuture<'_, Result<Arc<dyn FileSet>, Failure>> {
        Box::pin(async move {
            let files: Arc<dyn FileSet> = Arc::new(PickedFolder::files(self).await.map_err(Failure::of)?);
            Ok(files)
        })
    }

    fn create<'a>(&'a self, name: &'a str) -> LocalBoxFuture<'a, Result<Box<dyn OutFile>, Failure>> {
        Box::pin(async move {
            let file: Box<dyn OutFile> =
                Box::new(PickedFolder::create(self, name).await.map_err(Failure::of)?);
            Ok(file)
        })
    }

    fn remove<'a>(&'a self, name: &'a str) -> LocalBoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { PickedFolder::remove(self, name).await.map_err(Failure::of) })
    }
}

impl OutFile for SavePickerSink {
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> LocalBoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { self.write_all(bytes).await.map_err(Failure::of) })
    }

    fn finish(self: Box<Self>) -> LocalBoxFuture<'static, Result<(), Failure>> {
        Box::pin(async move { AsyncSink::finish(*self).await.map_err(Failure::of) })
    }

    fn discard(self: Box<Self>) -> LocalBoxFuture<'static, ()> {
        Box::pin(SavePickerSink::discard(*self))
    }
}

/// The folder [`PRIVATE_FOLDER`], emptied before: what is in it now was begun by this merge.
struct Private;

impl Folder for Private {
    fn files(&self) -> LocalBoxFuture<'_, Result<Arc<dyn FileSet>, Failure>> {
        Box::pin(async {
            let none: Arc<dyn FileSet> = Arc::new(MemoryFiles::new(PRIVATE_FOLDER, []));
            Ok(none)
        })
    }

    fn create<'a>(&'a self, name: &'a str) -> LocalBoxFuture<'a, Result<Box<dyn OutFile>, Failure>> {
        Box::pin(async move {
            let sink = OpfsSink::create(&path(name)).await.map_err(Failure::of)?;
            Ok(Box::new(sink) as Box<dyn OutFile>)
        })
    }

    fn remove<'a>(&'a self, name: &'a str) -> LocalBoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { opfs_remove(&path(name)).await.map_err(Failure::of) })
    }
}

fn path(name: &str) -> String {
    format!("{PRIVATE_FOLDER}/{name}")
}

impl OutFile for OpfsSink {
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> LocalBoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { Ok(self.write_all(bytes)?) })
    }

    fn finish(self: Box<Self>) -> LocalBoxFuture<'static, Result<(), Failure>> {
        Box::pin(async move { Ok(ByteSink::finish(self)?) })
    }

    fn discard(self: Box<Self>) -> LocalBoxFuture<'static, ()> {
        // Dropped unfinished, it is removed.
        Box::pin(async move { drop(self) })
    }
}
