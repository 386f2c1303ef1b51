//! Folders of the origin's private file system.

use js_sys::Promise;
use maec_hub::StoreError;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemRemoveOptions,
};

use crate::js::{self, NO_WORKER, worker};

/// What the browser says about a file, as the store says it.
pub(super) fn fail(name: &str, error: &JsValue) -> StoreError {
    let name = name.to_owned();
    match js::name(error).as_str() {
        "NoModificationAllowedError" => StoreError::Busy { name },
        "QuotaExceededError" => StoreError::Full { name },
        _ => StoreError::Io { name, reason: js::message(error) },
    }
}

/// Waits for what the browser promises.
pub(super) async fn wait<T: JsCast>(name: &str, promise: Promise) -> Result<T, StoreError> {
    let value = JsFuture::from(promise).await.map_err(|e| fail(name, &e))?;
    value.dyn_into().map_err(|e| fail(name, &e))
}

/// An open folder.
pub(super) struct Folder(pub(super) FileSystemDirectoryHandle);

impl Folder {
    /// Opens a folder of the origin by relative path, making what is missing.
    pub(super) async fn open(path: &str) -> Result<Self, StoreError> {
        let mut folder = root(path).await?;
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        for part in path.split('/').filter(|part| !part.is_empty()) {
            folder = wait(path, folder.get_directory_handle_with_options(part, &options)).await?;
        }
        Ok(Self(folder))
    }

    /// A file, made where it is missing.
    pub(super) async fn file(&self, name: &str) -> Result<FileSystemFileHandle, StoreError> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        wait(name, self.0.get_file_handle_with_options(name, &options)).await
    }
}

async fn root(name: &str) -> Result<FileSystemDirectoryHandle, StoreError> {
    let unusable = |reason: &str| StoreError::Io { name: name.into(), reason: reason.into() };
    let storage = worker().ok_or_else(|| unusable(NO_WORKER))?.navigator().storage();
    if storage.is_undefined() {
        return Err(unusable("the browser keeps files for secure pages only"));
    }
    wait(name, storage.get_directory()).await
}

/// Removes a file or folder of the origin's private file system with everything in it; what does not exist is removed already. Fails
/// with [`StoreError::Busy`] where a file of it is open.
pub async fn remove(path: &str) -> Result<(), StoreError> {
    let (parent, last) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = Folder::open(parent).await?;
    let options = FileSystemRemoveOptions::new();
    options.set_recursive(true);
    match JsFuture::from(parent.0.remove_entry_with_options(last, &options)).await {
        Err(e) if js::name(&e) != "NotFoundError" => Err(fail(path, &e)),
        _ => Ok(()),
    }
}

/// A file of the origin's private file system as a `File`, which a page can offer as a download. Its content is read when it is used.
pub async fn opfs_file(path: &str) -> Result<File, StoreError> {
    let (parent, last) = path.rsplit_once('/').unwrap_or(("", path));
    let file = Folder::open(parent).await?.0.get_file_handle(last);
    let file: FileSystemFileHandle = wait(path, file).await?;
    wait(path, file.get_file()).await
}
