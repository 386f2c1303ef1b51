//! What JavaScript says, in words; and the way to a worker's own objects.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DomException, WorkerGlobalScope};

/// The name of a `DOMException`, or nothing.
pub(crate) fn name(error: &JsValue) -> String {
    error.dyn_ref::<DomException>().map(DomException::name).unwrap_or_default()
}

/// One line about an error.
pub(crate) fn message(error: &JsValue) -> String {
    let text = match (error.dyn_ref::<DomException>(), error.dyn_ref::<js_sys::Error>()) {
        (Some(dom), _) => format!("{}: {}", dom.name(), dom.message()),
        (_, Some(error)) => String::from(error.message()),
        _ => error.as_string().unwrap_or_else(|| "unknown error".into()),
    };
    text.replace(['\n', '\r'], " ")
}

/// The worker this runs in; `None` on a page.
pub(crate) fn worker() -> Option<WorkerGlobalScope> {
    js_sys::global().dyn_into().ok()
}

/// What an operation says outside a worker.
pub(crate) const NO_WORKER: &str = "it is used outside a worker";
