//! Folders that a person picks, and files in the origin's private storage. Their names in browsers are new, so they are
//! called by name.

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, window};

use crate::browser;

/// Asks a person for a folder to write into; nothing where the browser has no picker. Must be called in a click.
pub fn pick_folder() -> Option<Promise> {
    let options = Object::new();
    Reflect::set(&options, &"mode".into(), &"readwrite".into()).ok()?;
    let window: JsValue = window()?.into();
    method(&window, "showDirectoryPicker")?.call1(&window, &options).ok()?.dyn_into().ok()
}

/// Whether [`pick_folder`] asks.
pub fn has_picker() -> bool {
    window().is_some_and(|window| method(&window, "showDirectoryPicker").is_some())
}

/// What the browser calls an error: `AbortError`.
pub fn error_name(error: &JsValue) -> String {
    let name = Reflect::get(error, &"name".into()).ok();
    name.and_then(|name| name.as_string()).unwrap_or_default()
}

/// Hands a file of a private folder to the browser's downloads; nothing where it is gone.
pub async fn download(folder: &str, name: &str) -> Option<()> {
    let folder = call(&root().await?, "getDirectoryHandle", folder).await?;
    let file = call(&folder, "getFileHandle", name).await?;
    let blob: Blob = call(&file, "getFile", "").await?.dyn_into().ok()?;
    browser::save(name, &blob)
}

/// Removes a private folder with all that is in it.
pub async fn remove(folder: &str) -> Option<()> {
    let (root, options) = (root().await?, Object::new());
    Reflect::set(&options, &"recursive".into(), &true.into()).ok()?;
    let removed = method(&root, "removeEntry")?.call2(&root, &folder.into(), &options).ok()?;
    JsFuture::from(removed.unchecked_into::<Promise>()).await.ok().map(|_| ())
}

/// The origin's private folder; there is none outside secure contexts.
async fn root() -> Option<JsValue> {
    call(&window()?.navigator().storage(), "getDirectory", "").await
}

fn method(of: &JsValue, name: &str) -> Option<Function> {
    Reflect::get(of, &name.into()).ok()?.dyn_into().ok()
}

/// What a method's promise brings.
async fn call(of: &JsValue, name: &str, argument: &str) -> Option<JsValue> {
    let promise = method(of, name)?.apply(of, &Array::of1(&argument.into())).ok()?;
    JsFuture::from(promise.unchecked_into::<Promise>()).await.ok()
}
