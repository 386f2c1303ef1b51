//! How much the browser lets this origin keep.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::StorageEstimate;

/// The browser's estimate for this origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Bytes that may be kept.
    pub quota: u64,
    /// Bytes that are kept.
    pub usage: u64,
}

impl Estimate {
    /// Bytes that may still be kept.
    pub fn free(&self) -> u64 {
        self.quota.saturating_sub(self.usage)
    }
}

/// How much may be kept; `None` where the browser does not say.
pub async fn storage_estimate() -> Option<Estimate> {
    let estimate: StorageEstimate = call("estimate").await?.unchecked_into();
    Some(Estimate { quota: estimate.get_quota()? as u64, usage: estimate.get_usage()? as u64 })
}

/// Asks the browser not to drop what is kept when space runs short, and says whether it will not. Browsers take this question from a
/// page only: in a worker the answer is that of [`persisted`].
pub async fn persist() -> bool {
    match call("persist").await {
        Some(granted) => granted.is_truthy(),
        None => persisted().await,
    }
}

/// Whether the browser has promised not to drop what is kept.
pub async fn persisted() -> bool {
    call("persisted").await.is_some_and(|granted| granted.is_truthy())
}

/// Calls a method of `navigator.storage`, in a worker or on a page; `None` where there is none or it fails.
async fn call(method: &str) -> Option<JsValue> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).ok()?;
    let storage = Reflect::get(&navigator, &"storage".into()).ok()?;
    let method: Function = Reflect::get(&storage, &method.into()).ok()?.dyn_into().ok()?;
    let promise: Promise = method.call0(&storage).ok()?.dyn_into().ok()?;
    JsFuture::from(promise).await.ok()
}
