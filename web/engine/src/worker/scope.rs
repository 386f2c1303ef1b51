//! What the worker asks of its browser.

use gloo_timers::callback::Timeout;
use js_sys::{Array, Promise, Uint8Array};
use maec_protocol::FromEngine;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DedicatedWorkerGlobalScope, MessageChannel, Response};

/// The worker's global scope.
pub fn get() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// Bytes of WebAssembly memory, which only grows.
pub fn memory_bytes() -> u64 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    let buffer: js_sys::ArrayBuffer = memory.buffer().unchecked_into();
    buffer.byte_length().into()
}

/// Posts `[json, bytes…]`; the bytes are moved, not copied once more.
pub fn post(message: &FromEngine, files: Vec<Vec<u8>>) {
    let Ok(json) = serde_json::to_string(message) else {
        return fail("the engine cannot write an answer");
    };
    let (parts, moved) = (Array::of1(&JsValue::from_str(&json)), Array::new());
    for file in files {
        let buffer = Uint8Array::from(file.as_slice()).buffer();
        parts.push(&buffer);
        moved.push(&buffer);
    }
    if get().post_message_with_transfer(&parts, &moved).is_err() {
        fail("the engine cannot post an answer");
    }
}

/// The bytes behind a URL.
pub async fn fetch(url: &str) -> Result<Vec<u8>, String> {
    let response =
        JsFuture::from(get().fetch_with_str(url)).await.map_err(|_| "the server does not answer")?;
    let response: Response = response.dyn_into().map_err(|_| "the answer is no response")?;
    if !response.ok() {
        return Err(format!("the server says {} {}", response.status(), response.status_text())
            .trim_end()
            .to_owned());
    }
    let body = response.array_buffer().map_err(|_| "the answer has no body")?;
    let body = JsFuture::from(body).await.map_err(|_| "the download broke off")?;
    Ok(Uint8Array::new(&body).to_vec())
}

/// Milliseconds since the worker began.
pub fn now() -> f64 {
    get().performance().map_or(0.0, |performance| performance.now())
}

/// One turn of the event loop. A message to oneself comes after those that the page has posted; a timer would come no sooner than 4 ms
/// later.
pub async fn pause() {
    let Ok(channel) = MessageChannel::new() else { return gloo_timers::future::TimeoutFuture::new(0).await };
    let port = channel.port1();
    let arrived = Promise::new(&mut |resolve, _| port.set_onmessage(Some(&resolve)));
    if channel.port2().post_message(&JsValue::NULL).is_ok() {
        // The promise has no way to fail.
        let _ = JsFuture::from(arrived).await;
    }
    port.close();
}

/// Ends the worker with an error that the page's `onerror` hears. What is thrown in a promise would not get there,
/// so it is thrown from a timer.
pub fn fail(reason: &str) {
    let reason = reason.to_owned();
    Timeout::new(0, move || wasm_bindgen::throw_str(&reason)).forget();
}
