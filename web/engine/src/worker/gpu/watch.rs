//! Watching WebGPU from the worker's scope: adapters, dispatches, errors and losses.
//!
//! WebGPU's types are unstable in web-sys, so its few properties are used by name. Two methods of the browser's are
//! wrapped before anything uses them: `dispatchWorkgroups` (and its indirect twin), to count what really ran, and
//! `requestDevice`, to listen to every device's errors and loss.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Proxy, Reflect};
use maec_protocol::{FromEngine, Reply};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::super::{Inbox, scope};

/// An adapter, before any device of it exists.
pub struct Adapter {
    /// Its description, or vendor and architecture.
    pub name: String,
    /// It computes on the CPU.
    pub software: bool,
}

/// Asks for an adapter; a sentence says why there is none.
pub async fn probe() -> Result<Adapter, String> {
    let gpu = get(&scope::get().navigator(), "gpu").ok_or("This browser has no WebGPU.")?;
    let none = "The browser found no graphics card it may use.";
    let request: Function = get(&gpu, "requestAdapter").and_then(|f| f.dyn_into().ok()).ok_or(none)?;
    let options = Object::new();
    // As the device will be asked for.
    let _ = Reflect::set(&options, &"powerPreference".into(), &"high-performance".into());
    let promise: Promise = request.call1(&gpu, &options).ok().and_then(|p| p.dyn_into().ok()).ok_or(none)?;
    let adapter = JsFuture::from(promise).await.map_err(|_| none)?;
    let info = get(&adapter, "info").ok_or(none)?;
    let text =
        |key: &str| get(&info, key).and_then(|value| value.as_string()).filter(|text| !text.is_empty());
    let name = text("description").unwrap_or_else(|| {
        let parts: Vec<String> = [text("vendor"), text("architecture")].into_iter().flatten().collect();
        if parts.is_empty() { "unnamed".into() } else { parts.join(" ") }
    });
    let fallback = |of: &JsValue| get(of, "isFallbackAdapter").is_some_and(|flag| flag.is_truthy());
    Ok(Adapter { name, software: fallback(&info) || fallback(&adapter) })
}

/// The wrapped methods' findings.
pub struct Watch {
    dispatches: Rc<Cell<u64>>,
}

impl Watch {
    /// Wraps the methods, where the browser has them.
    pub fn install(inbox: Rc<Inbox>) -> Self {
        let dispatches = Rc::new(Cell::new(0));
        for method in ["dispatchWorkgroups", "dispatchWorkgroupsIndirect"] {
            let count = dispatches.clone();
            wrap("GPUComputePassEncoder", method, move |result| {
                count.set(count.get() + 1);
                result
            });
        }
        wrap("GPUAdapter", "requestDevice", move |result| {
            let inbox = inbox.clone();
            let listen = Closure::once_into_js(move |device: JsValue| {
                attend(&device, inbox);
                device
            });
            let then = get(&result, "then").and_then(|then| then.dyn_into::<Function>().ok());
            then.and_then(|then| then.call1(&result, &listen).ok()).unwrap_or(result)
        });
        Self { dispatches }
    }

    /// Dispatches so far.
    pub fn dispatches(&self) -> u64 {
        self.dispatches.get()
    }
}

/// Listens to a new device's errors and to its end.
fn attend(device: &JsValue, inbox: Rc<Inbox>) {
    let on_error = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
        let message =
            get(&event, "error").and_then(|error| get(&error, "message")).and_then(|m| m.as_string());
        let first =
            message.as_deref().and_then(|message| message.lines().next()).unwrap_or("no message").to_owned();
        let message = format!("The GPU refused a command ({first}).");
        let body = Reply::Failed { message, hint: None, gpu_unusable: true };
        scope::post(&FromEngine { id: inbox.current(), body }, Vec::new());
    });
    if let Some(add) = get(device, "addEventListener").and_then(|add| add.dyn_into::<Function>().ok()) {
        let _ = add.call2(device, &"uncapturederror".into(), on_error.as_ref());
    }
    on_error.forget();
    let on_loss = Closure::once_into_js(move |info: JsValue| {
        let text = |key: &str| get(&info, key).and_then(|value| value.as_string()).unwrap_or_default();
        if text("reason") != "destroyed" {
            scope::fail(&format!("the GPU was lost: {}", text("message")));
        }
    });
    if let Some(lost) = get(device, "lost")
        && let Some(then) = get(&lost, "then").and_then(|then| then.dyn_into::<Function>().ok())
    {
        let _ = then.call1(&lost, &on_loss);
    }
}

/// Replaces a method of a class by one that does the same and then passes its result through `after`.
///
/// A proxy's `apply` is told whom the method was called on, which a plain closure is not.
fn wrap(class: &str, method: &str, after: impl Fn(JsValue) -> JsValue + 'static) {
    let Some(prototype) = get(&scope::get(), class).and_then(|class| get(&class, "prototype")) else {
        return;
    };
    let Some(original) = get(&prototype, method) else { return };
    let apply = Closure::<dyn Fn(Function, JsValue, Array) -> Result<JsValue, JsValue>>::new(
        move |original: Function, this: JsValue, given: Array| original.apply(&this, &given).map(&after),
    );
    let handler = Object::new();
    let set = Reflect::set(&handler, &"apply".into(), apply.as_ref())
        .and_then(|_| Reflect::set(&prototype, &method.into(), &Proxy::new(&original, &handler)));
    if set.is_ok() {
        apply.forget();
    }
}

/// A property that is neither undefined nor null.
fn get(object: &JsValue, key: &str) -> Option<JsValue> {
    let value = Reflect::get(object, &JsValue::from_str(key)).ok()?;
    (!value.is_null() && !value.is_undefined()).then_some(value)
}
