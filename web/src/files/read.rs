//! Reads what was dropped or chosen: `File` objects with their paths, none of their bytes.

use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DataTransfer, File, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry, HtmlInputElement,
};

use super::MOST_FILES;

/// Folders in folders in …: deeper ones are not a model's.
const DEEPEST: usize = 8;

/// Files with their paths, in the same order.
#[derive(Default)]
pub struct Brought {
    /// `folder/file`, or a plain name.
    pub paths: Vec<String>,
    /// The files.
    pub files: Vec<File>,
}

impl Brought {
    fn push(&mut self, path: String, file: File) -> Result<(), String> {
        if self.files.len() == MOST_FILES {
            return Err(too_many());
        }
        self.paths.push(path);
        self.files.push(file);
        Ok(())
    }
}

fn too_many() -> String {
    format!("These are more than {MOST_FILES} files. Choose the model's own folder.")
}

/// What an input holds; empties it, so that the same files can be chosen again.
///
/// # Errors
/// A sentence, when there are too many.
pub fn from_input(input: &HtmlInputElement) -> Result<Brought, String> {
    let mut brought = Brought::default();
    let list = input.files();
    for index in 0..list.as_ref().map_or(0, web_sys::FileList::length) {
        let Some(file) = list.as_ref().and_then(|list| list.get(index)) else { continue };
        // Set where a folder was chosen, though not by every browser's name for it.
        let path = Reflect::get(&file, &"webkitRelativePath".into()).ok().and_then(|path| path.as_string());
        let path = path.filter(|path| !path.is_empty()).unwrap_or_else(|| file.name());
        brought.push(path, file)?;
    }
    input.set_value("");
    Ok(brought)
}

/// What was dropped, folders with all that is in them. The browser forgets the drop when its event ends, so what is in
/// it is taken at once, and read later.
///
/// # Errors
/// The future's error is a sentence: too many files, or a folder that cannot be read.
pub fn dropped(transfer: &DataTransfer) -> impl Future<Output = Result<Brought, String>> + use<> {
    let items = transfer.items();
    let items: Vec<_> = (0..items.length()).filter_map(|index| items.get(index)).collect();
    let taken: Vec<(Option<FileSystemEntry>, Option<File>)> = items
        .into_iter()
        .filter(|item| item.kind() == "file")
        .map(|item| (item.webkit_get_as_entry().ok().flatten(), item.get_as_file().ok().flatten()))
        .collect();
    async move {
        let mut brought = Brought::default();
        let mut open: Vec<(String, usize, FileSystemEntry)> = Vec::new();
        for (entry, file) in taken {
            match (entry, file) {
                (Some(entry), _) if entry.is_directory() => open.push((entry.name(), 1, entry)),
                (_, Some(file)) => brought.push(file.name(), file)?,
                _ => {}
            }
        }
        while let Some((path, depth, entry)) = open.pop() {
            if entry.is_file() {
                let file = file_of(entry.unchecked_into()).await.ok_or_else(|| unreadable(&path))?;
                brought.push(path, file)?;
                continue;
            }
            let children = children_of(entry.unchecked_into()).await.ok_or_else(|| unreadable(&path))?;
            let wanted = children
                .into_iter()
                .filter(|child| !child.name().starts_with('.') && (child.is_file() || depth < DEEPEST));
            open.extend(wanted.map(|child| (format!("{path}/{}", child.name()), depth + 1, child)));
            if open.len() > MOST_FILES {
                return Err(too_many());
            }
        }
        Ok(brought)
    }
}

fn unreadable(path: &str) -> String {
    format!("{path} cannot be read. Choose it with the button instead.")
}

async fn file_of(entry: FileSystemFileEntry) -> Option<File> {
    let found = callback(move |resolve, reject| entry.file_with_callback_and_callback(resolve, reject));
    found.await?.dyn_into().ok()
}

/// A folder's entries; browsers give them a hundred at a time, and none at the end.
async fn children_of(entry: FileSystemDirectoryEntry) -> Option<Vec<FileSystemEntry>> {
    let reader = entry.create_reader();
    let mut all = Vec::new();
    loop {
        let reader = reader.clone();
        let more = callback(move |resolve, reject| {
            let _ = reader.read_entries_with_callback_and_callback(resolve, reject);
        });
        let more: Array = more.await?.dyn_into().ok()?;
        if more.length() == 0 || all.len() > MOST_FILES {
            return Some(all);
        }
        all.extend(more.iter().map(JsCast::unchecked_into::<FileSystemEntry>));
    }
}

/// A call with callbacks as a future; nothing where it fails.
async fn callback(mut call: impl FnMut(&Function, &Function)) -> Option<JsValue> {
    let promise = Promise::new(&mut |resolve, reject| call(&resolve, &reject));
    JsFuture::from(promise).await.ok()
}
