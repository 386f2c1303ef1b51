//! Where merged files go.

use std::sync::Arc;

use futures::future::LocalBoxFuture;
use maec_checkpoint::FileSet;

use crate::Failure;

/// A folder that files are written into.
pub trait Folder {
    /// The files that are in it, those of its folders left out.
    fn files(&self) -> LocalBoxFuture<'_, Result<Arc<dyn FileSet>, Failure>>;

    /// Begins a file, in place of one of this name once it is finished.
    fn create<'a>(&'a self, name: &'a str) -> LocalBoxFuture<'a, Result<Box<dyn OutFile>, Failure>>;

    /// Removes a file; one that is not there is removed already.
    fn remove<'a>(&'a self, name: &'a str) -> LocalBoxFuture<'a, Result<(), Failure>>;
}

/// A file being written.
pub trait OutFile {
    /// Appends bytes.
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> LocalBoxFuture<'a, Result<(), Failure>>;

    /// Makes the whole visible under its name.
    fn finish(self: Box<Self>) -> LocalBoxFuture<'static, Result<(), Failure>>;

    /// Gives it up: what had its name before is there as it was; a new name may be left without content.
    fn discard(self: Box<Self>) -> LocalBoxFuture<'static, ()>;
}
