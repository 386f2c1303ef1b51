//! What is on the page. Each component takes the [`Studio`] from the context.

mod chart;
mod combine;
mod detail;
mod extract;
mod footer;
mod header;
mod live;
mod messages;
mod own;
mod param;
mod progress;
mod ranking;
mod segments;
mod select;
mod table;
mod tensor_map;
mod tensor_table;
mod theme;
mod try_it;
mod tuning;

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;

use crate::browser;
use crate::studio::{EngineState, Studio, open};

/// The whole page.
#[component]
pub fn App() -> impl IntoView {
    let studio = Studio::new();
    provide_context(studio);
    open(studio);
    let is_open = Memo::new(move |_| studio.pack.with(Option::is_some));
    view! {
        <a class="skip" href="#main" on:click=|event| jump(&event, "main")>"Skip to the studio"</a>
        <header::Header/>
        <messages::NoticeBar/>
        <main id="main" tabindex="-1">
            <Hero/>
            {live::live(move || if is_open.get() { view! { <Workshop/> }.into_any() } else { view! { <Opening/> }.into_any() })}
        </main>
        <footer::Footer/>
        <messages::Toast/>
    }
}

/// Goes to a place on the page without touching the address, which belongs to links.
fn jump(event: &web_sys::MouseEvent, id: &str) {
    event.prevent_default();
    // In this order: the focus would break off a scroll.
    browser::focus(id);
    browser::scroll_to(id);
}

/// For a part that another one takes the place of: when the part goes while the element `own` in it has the
/// keyboard's focus, the focus goes on to the element `next`.
fn hand_focus(own: &'static str, next: &'static str) {
    on_cleanup(move || {
        if browser::has_focus(own) {
            spawn_local(async move {
                TimeoutFuture::new(0).await;
                browser::focus(next);
            });
        }
    });
}

/// The input that an event came from.
fn input_of(event: &web_sys::Event) -> Option<web_sys::HtmlInputElement> {
    event.target()?.dyn_into().ok()
}

#[component]
fn Hero() -> impl IntoView {
    view! {
        <section class="hero" aria-labelledby="headline">
            <h1 id="headline">"Learned in one language. Used in all of them."</h1>
            <p class="lead">
                "MAEC finds what training on an ability changed in a language model, sets aside the parts that carry \
                 language, and adds the rest to what other languages changed. No training, only arithmetic on weights. \
                 Move a control and see; everything is computed in this tab."
            </p>
        </section>
    }
}

/// Everything that needs a pack.
#[component]
fn Workshop() -> impl IntoView {
    let shared = select::Shared::new(Studio::current());
    view! {
        <extract::Presets/>
        <div class="workbench" id="workbench" tabindex="-1">
            <extract::Extract/>
            <select::SelectStep shared/>
            <combine::Combine/>
            <tensor_table::TensorTable shared/>
        </div>
        <table::Results/>
        <try_it::TryIt/>
        <tuning::Tuning/>
        <own::OwnModels/>
    }
}

/// What is there until a pack is open.
#[component]
fn Opening() -> impl IntoView {
    let studio = Studio::current();
    live::live(move || match studio.engine_state.get() {
        EngineState::Broken(sentence) => view! {
            <div class="opening" role="alert" data-testid="broken">
                <h2>"The studio cannot open"</h2>
                <p>{sentence}</p>
            </div>
        }
        .into_any(),
        _ => view! {
            <div class="opening" role="status">
                <span class="spinner" aria-hidden="true"></span>
                <p>"Opening the engine and the demo pack"</p>
            </div>
        }
        .into_any(),
    })
}
