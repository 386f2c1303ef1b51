//! The ways in: dropping, choosing files or a folder, and typing a name.

use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::{DragEvent, Element};

use crate::components::input_of;
use crate::components::live::{live, text};
use crate::files::{Brought, dropped, from_input};
use crate::name;
use crate::studio::Studio;

/// Where a dropped file is a search's.
const TUNING: &str = "#tuning";

/// The drop zone with its buttons, and the name field.
#[component]
pub fn Open() -> impl IntoView {
    let studio = Studio::current();
    let problem = RwSignal::new(String::new());
    let over = RwSignal::new(false);
    let take = move |brought: Result<Brought, String>| {
        let said = brought.and_then(|brought| {
            if brought.files.is_empty() {
                return Ok(());
            }
            studio.open_files(brought)
        });
        problem.set(said.err().unwrap_or_default());
    };
    // All of the page takes drops: one that misses would otherwise take the page's place.
    let guard = window_event_listener(ev::dragover, move |event| {
        if has_files(&event) {
            event.prevent_default();
            over.set(true);
        }
    });
    let leave = window_event_listener(ev::dragleave, move |_| over.set(false));
    let catch = window_event_listener(ev::drop, move |event| {
        over.set(false);
        let Some(transfer) = event.data_transfer().filter(|_| has_files(&event)) else { return };
        event.prevent_default();
        let files = dropped(&transfer);
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        if target.is_some_and(|target| target.closest(TUNING).ok().flatten().is_some()) {
            return spawn_local(async move {
                match files.await {
                    Ok(brought) => studio.open_tuning(brought),
                    Err(sentence) => studio.tune.note.set(sentence),
                }
            });
        }
        crate::browser::scroll_to(super::SECTION);
        studio.go_to(super::SECTION);
        spawn_local(async move { take(files.await) });
    });
    on_cleanup(move || {
        guard.remove();
        leave.remove();
        catch.remove();
    });
    let chosen = move |event: web_sys::Event| {
        if let Some(input) = input_of(&event) {
            take(from_input(&input));
        }
    };
    view! {
        <div class="own-open">
            <div class="own-drop" class:over=live(move || over.get()) id="own-drop">
                <p><strong>"Drop a folder or files here"</strong></p>
                <p class="note">"A model’s folder, a pack, sparse deltas, an adapter, a recipe, a mergekit file. Several at once are taken apart."</p>
                <div class="own-buttons">
                    <label class="secondary own-file">
                        <input type="file" id="own-files" multiple on:change=chosen/>
                        "Choose files"
                    </label>
                    <label class="secondary own-file">
                        <input type="file" id="own-folder" prop:webkitdirectory=true on:change=chosen/>
                        "Choose a folder"
                    </label>
                </div>
                <p class="error" role="alert" id="own-files-error">{text(move || problem.get())}</p>
            </div>
            <NameForm/>
        </div>
    }
}

/// Whether files are dragged, and not a word or a picture.
fn has_files(event: &DragEvent) -> bool {
    event.data_transfer().is_some_and(|transfer| transfer.types().includes(&"Files".into(), 0))
}

#[component]
fn NameForm() -> impl IntoView {
    let studio = Studio::current();
    let typed = RwSignal::new(String::new());
    let error = RwSignal::new(String::new());
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        match name::remote(&typed.get_untracked()) {
            Ok(name) => {
                error.set(String::new());
                typed.set(String::new());
                studio.open_remote(name);
            }
            Err(sentence) => {
                error.set(sentence);
                crate::browser::focus("own-name");
            }
        }
    };
    view! {
        <form class="own-by-name" on:submit=submit novalidate>
            <label for="own-name">"Or open by name or address"</label>
            <div class="own-line">
                <input
                    type="text" id="own-name" class="own-input" autocomplete="off" autocapitalize="off" spellcheck="false"
                    inputmode="url" placeholder="org/model" aria-describedby="own-name-help own-name-error"
                    aria-invalid=text(move || error.with(|error| !error.is_empty()).to_string())
                    prop:value=text(move || typed.get())
                    on:input=move |event| typed.set(input_of(&event).map(|input| input.value()).unwrap_or_default())
                />
                <button type="submit" class="secondary" id="own-look">"Look"</button>
            </div>
            <p class="error" role="alert" id="own-name-error">{text(move || error.get())}</p>
            <p class="note" id="own-name-help">
                "On the Hugging Face hub: "<code>"HuggingFaceTB/SmolLM2-135M"</code>", with "<code>"@"</code>
                " and a branch, tag or commit if you like. Or the URL of a file, or of a folder, which ends in "<code>"/"</code>"."
            </p>
        </form>
    }
}
