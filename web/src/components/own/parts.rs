//! What the section's panels have in common. One function makes each, so that many of them cost little code.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::components::hand_focus;
use crate::components::live::live;
use crate::components::progress::Progress;
use crate::studio::{Run, Studio};

/// Values with the words for them.
pub type Choices = Vec<(String, String)>;

/// A labelled choice among what `choices` says now.
pub fn chooser(
    id: &'static str,
    label: &'static str,
    choices: impl Fn() -> Choices + Send + 'static,
    chosen: RwSignal<String>,
) -> AnyView {
    let choices: Box<dyn Fn() -> Choices + Send> = Box::new(choices);
    let changed = move |event: web_sys::Event| {
        let select = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlSelectElement>().ok());
        if let Some(select) = select {
            chosen.set(select.value());
        }
    };
    let option = move |(code, name): (String, String)| {
        let own = code.clone();
        let selected = live(move || chosen.with(|chosen| *chosen == own));
        view! { <option value=code prop:selected=selected>{name}</option> }
    };
    view! {
        <label class="own-field">
            <span>{label}</span>
            <select id=id class="own-input" on:change=changed>
                {live(move || choices().into_iter().map(option).collect_view().into_any())}
            </select>
        </label>
    }
    .into_any()
}

/// What long work is called: for screen readers, as a test id, and the ids of the button that begins it and of the one
/// that stops it.
pub struct Names {
    /// For screen readers.
    pub name: &'static str,
    /// The progress's test id.
    pub test: &'static str,
    /// The id of the button that begins.
    pub go: &'static str,
    /// The id of the button that stops.
    pub stop: &'static str,
}

/// The button that begins long work, or its progress while it goes on; the keyboard's focus goes with it.
pub fn runner(
    studio: Studio,
    run: RwSignal<Run>,
    names: Names,
    in_bytes: bool,
    stop: fn(Studio),
    button: impl Fn() -> AnyView + Send + 'static,
) -> AnyView {
    let button: Box<dyn Fn() -> AnyView + Send> = Box::new(button);
    let is_going = Memo::new(move |_| run.with(|run| *run != Run::Idle));
    let Names { name, test, go, stop: id } = names;
    view! {
        {live(move || if is_going.get() {
            hand_focus(id, go);
            let cancel = Callback::new(move |()| stop(studio));
            view! { <Progress run name test id in_bytes cancel/> }.into_any()
        } else {
            hand_focus(go, id);
            button()
        })}
    }
    .into_any()
}

/// A label beside the number, text or choice that it names.
pub fn number_field(
    id: &'static str,
    label: &'static str,
    typed: RwSignal<String>,
    valid: fn(&str) -> bool,
) -> AnyView {
    let set = move |event: web_sys::Event| {
        typed.set(crate::components::input_of(&event).map(|input| input.value()).unwrap_or_default());
    };
    view! {
        <label class="own-field">
            <span>{label}</span>
            <input
                type="text" inputmode="decimal" id=id class="own-input" prop:value=live(move || typed.get())
                aria-invalid=live(move || typed.with(|typed| !valid(typed)).to_string()) on:input=set
            />
        </label>
    }
    .into_any()
}
