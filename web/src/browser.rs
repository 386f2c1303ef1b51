//! The few things the page asks of the browser itself.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AddEventListenerOptions, Blob, BlobPropertyBag, Element, HtmlAnchorElement, HtmlElement,
    IntersectionObserver, IntersectionObserverEntry, IntersectionObserverInit, ScrollBehavior,
    ScrollIntoViewOptions, Url, UrlSearchParams, window,
};

/// A parameter of the address's query, decoded.
pub fn query_parameter(name: &str) -> Option<String> {
    let query = window()?.location().search().ok()?;
    UrlSearchParams::new_with_str(&query).ok()?.get(name)
}

/// The address's fragment without its `#`.
pub fn fragment() -> String {
    let hash = window().and_then(|window| window.location().hash().ok()).unwrap_or_default();
    hash.trim_start_matches('#').to_owned()
}

/// Puts a fragment into the address without a new entry in the history, and gives the whole address.
pub fn set_fragment(fragment: &str) -> Option<String> {
    let window = window()?;
    let url = Url::new(&window.location().href().ok()?).ok()?;
    url.set_hash(fragment);
    let href = url.href();
    window.history().ok()?.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&href)).ok()?;
    Some(href)
}

/// Copies text; `false` when the browser does not let the page.
pub async fn copy(text: &str) -> bool {
    let Some(window) = window() else { return false };
    // Absent outside secure contexts, whatever web-sys says.
    let clipboard = window.navigator().clipboard();
    if clipboard.is_undefined() {
        return false;
    }
    JsFuture::from(clipboard.write_text(text)).await.is_ok()
}

/// A folder's absolute URL, ending in `/`, from one that may be relative to the page.
pub fn folder_url(address: &str) -> Option<String> {
    let slash = if address.ends_with('/') { "" } else { "/" };
    let base = window()?.document()?.base_uri().ok()??;
    let url = Url::new_with_base(&format!("{address}{slash}"), &base).ok()?;
    Some(url.href())
}

/// Hands a file of this media type to the browser's downloads.
pub fn download(name: &str, kind: &str, bytes: &[u8]) -> Option<()> {
    let options = BlobPropertyBag::new();
    options.set_type(kind);
    let blob =
        Blob::new_with_u8_array_sequence_and_options(&Array::of1(&Uint8Array::from(bytes)), &options).ok()?;
    save(name, &blob)
}

/// Hands what the browser holds to its downloads; it is copied there piece by piece.
pub fn save(name: &str, blob: &Blob) -> Option<()> {
    let document = window()?.document()?;
    let url = Url::create_object_url_with_blob(blob).ok()?;
    let anchor: HtmlAnchorElement = document.create_element("a").ok()?.dyn_into().ok()?;
    anchor.set_href(&url);
    anchor.set_download(name);
    document.body()?.append_child(&anchor).ok()?;
    anchor.click();
    anchor.remove();
    // Later, because the download reads the address after the click.
    gloo_timers::callback::Timeout::new(60_000, move || {
        let _ = Url::revoke_object_url(&url);
    })
    .forget();
    Some(())
}

/// Sets `data-<name>` on the body, for tests and styles.
pub fn mark_body(name: &str, value: &str) {
    if let Some(body) = window().and_then(|window| window.document()).and_then(|document| document.body()) {
        let _ = body.set_attribute(&format!("data-{name}"), value);
    }
}

/// Sets the keyboard's focus on an element by its id.
pub fn focus(id: &str) {
    if let Some(element) = element(id) {
        let _ = element.focus();
    }
}

/// Whether an element has the keyboard's focus.
pub fn has_focus(id: &str) -> bool {
    let active = window().and_then(|window| window.document()?.active_element());
    active.is_some_and(|element| element.id() == id)
}

/// Scrolls an element into view by its id.
pub fn scroll_to(id: &str) {
    if let Some(element) = element(id) {
        element.scroll_into_view();
    }
}

/// As [`scroll_to`], at once: what changes on the page meanwhile cannot break it off.
pub fn show(id: &str) {
    let options = ScrollIntoViewOptions::new();
    options.set_behavior(ScrollBehavior::Instant);
    if let Some(element) = element(id) {
        element.scroll_into_view_with_scroll_into_view_options(&options);
    }
}

/// Whether an element has this id.
pub fn exists(id: &str) -> bool {
    element(id).is_some()
}

/// Sets an attribute of the first element that a selector finds.
pub fn set_attribute(css: &str, name: &str, value: &str) {
    if let Some(element) = find(css) {
        let _ = element.set_attribute(name, value);
    }
}

/// The first element that a selector finds.
pub fn find(css: &str) -> Option<Element> {
    window()?.document()?.query_selector(css).ok()?
}

/// Removes an element by its id.
pub fn remove(id: &str) {
    if let Some(element) = element(id) {
        element.remove();
    }
}

/// Tells `act` which of these sections stands just above the middle of the window, whenever that changes.
pub fn watch_sections(ids: &[&'static str], act: impl Fn(&'static str) + 'static) -> Option<()> {
    let elements: Vec<(Element, &'static str)> =
        ids.iter().filter_map(|&id| Some((element(id)?.into(), id))).collect();
    let known = elements.clone();
    let closure = Closure::<dyn FnMut(Array)>::new(move |entries: Array| {
        let crossing = |entry: IntersectionObserverEntry| entry.is_intersecting().then(|| entry.target());
        let now = entries.iter().rev().find_map(|entry| crossing(entry.unchecked_into()));
        if let Some((_, id)) = now.and_then(|now| known.iter().find(|(element, _)| *element == now)) {
            act(id);
        }
    });
    let options = IntersectionObserverInit::new();
    options.set_root_margin("-45% 0px -54.9% 0px");
    let observer = IntersectionObserver::new_with_options(closure.as_ref().unchecked_ref(), &options).ok()?;
    elements.iter().for_each(|(element, _)| observer.observe(element));
    // The page watches as long as it is open.
    closure.forget();
    Some(())
}

/// Calls `act` whenever a person points, types or scrolls.
pub fn on_person(act: impl Fn() + 'static) {
    let Some(window) = window() else { return };
    let closure = Closure::<dyn FnMut()>::new(act);
    for event in ["wheel", "touchmove", "keydown", "pointerdown"] {
        let options = AddEventListenerOptions::new();
        options.set_capture(true);
        options.set_passive(true);
        let listener = closure.as_ref().unchecked_ref();
        let _ =
            window.add_event_listener_with_callback_and_add_event_listener_options(event, listener, &options);
    }
    // The page listens as long as it is open.
    closure.forget();
}

/// Asks the browser not to clear what the page stores when space runs short. It may ask a person, or refuse.
pub fn keep_storage() {
    // Absent outside secure contexts, whatever web-sys says.
    let storage =
        window().map(|window| window.navigator().storage()).filter(|storage| !storage.is_undefined());
    if let Some(asked) = storage.and_then(|storage| storage.persist().ok()) {
        wasm_bindgen_futures::spawn_local(async move {
            let _ = JsFuture::from(asked).await;
        });
    }
}

/// Calls `act` whenever a person puts another fragment into the address.
pub fn on_fragment_change(act: impl Fn() + 'static) {
    let Some(window) = window() else { return };
    let closure = Closure::<dyn FnMut()>::new(act);
    let _ = window.add_event_listener_with_callback("hashchange", closure.as_ref().unchecked_ref());
    // The page listens as long as it is open.
    closure.forget();
}

/// Reads or, with a value, writes what the browser keeps for this page; private windows may keep nothing.
pub fn stored(key: &str) -> Option<String> {
    window()?.local_storage().ok()??.get_item(key).ok()?
}

/// Keeps a value for this page where the browser lets it.
pub fn store(key: &str, value: &str) {
    if let Some(storage) = window().and_then(|window| window.local_storage().ok()).flatten() {
        let _ = storage.set_item(key, value);
    }
}

/// Sets the theme on the root element: `auto`, `light` or `dark`.
pub fn set_theme(theme: &str) {
    if let Some(root) =
        window().and_then(|window| window.document()).and_then(|document| document.document_element())
    {
        let _ = root.set_attribute("data-theme", theme);
    }
}

/// Seconds since some fixed moment.
pub fn now() -> f64 {
    js_sys::Date::now() / 1000.0
}

fn element(id: &str) -> Option<HtmlElement> {
    window()?.document()?.get_element_by_id(id)?.dyn_into().ok()
}

/// Whether a click came from a finger. Clicks are pointer events in today's browsers.
pub fn is_touch(event: &web_sys::MouseEvent) -> bool {
    event.dyn_ref::<web_sys::PointerEvent>().is_some_and(|event| event.pointer_type() == "touch")
}

/// Whether the `<details>` that a toggle event came from is open now.
pub fn is_open(event: &web_sys::Event) -> bool {
    let element = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    element.is_some_and(|element| element.has_attribute("open"))
}
