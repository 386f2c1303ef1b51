//! Asks the browser what graphics card it offers, without starting one.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::Gpu;

/// What `navigator.gpu` offers. WebGPU's types are unstable in web-sys, so its few properties are read by name.
pub async fn probe() -> Gpu {
    let Some(adapter) = request_adapter().await else {
        return if webgpu().is_some() { Gpu::NoAdapter } else { Gpu::Missing };
    };
    let info = get(&adapter, "info").unwrap_or(JsValue::UNDEFINED);
    let text =
        |key: &str| get(&info, key).and_then(|value| value.as_string()).filter(|text| !text.is_empty());
    let name = text("description").or_else(|| {
        let parts: Vec<String> = [text("vendor"), text("architecture")].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    });
    let name = name.unwrap_or_else(|| "unnamed".into());
    let fallback = |of: &JsValue| get(of, "isFallbackAdapter").is_some_and(|flag| flag.is_truthy());
    if fallback(&info) || fallback(&adapter) { Gpu::Software { name } } else { Gpu::Hardware { name } }
}

fn webgpu() -> Option<JsValue> {
    get(&web_sys::window()?.navigator(), "gpu")
}

async fn request_adapter() -> Option<JsValue> {
    let gpu = webgpu()?;
    let request: Function = get(&gpu, "requestAdapter")?.dyn_into().ok()?;
    let promise: Promise = request.call0(&gpu).ok()?.dyn_into().ok()?;
    let adapter = JsFuture::from(promise).await.ok()?;
    (!adapter.is_null() && !adapter.is_undefined()).then_some(adapter)
}

fn get(object: &JsValue, key: &str) -> Option<JsValue> {
    let value = Reflect::get(object, &JsValue::from_str(key)).ok()?;
    (!value.is_null() && !value.is_undefined()).then_some(value)
}
