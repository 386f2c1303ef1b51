//! Your own models: open, compare, load, ask and evaluate what people bring.

mod ask;
mod card;
mod facts;
mod files;
mod inside;
mod load;
mod measure;
mod merge;
mod open;
pub(super) mod parts;

use leptos::prelude::*;

use super::live::{live, text, when};
use crate::studio::Studio;

/// The section's id.
pub const SECTION: &str = "own";

/// The section.
#[component]
pub fn OwnModels() -> impl IntoView {
    let studio = Studio::current();
    let own = studio.own;
    studio.keep_weighing();
    let some = Memo::new(move |_| own.entries.with(|entries| !entries.is_empty()));
    // Once something was loaded its prompt and reports stay, whatever happens to the engine.
    let was_loaded = Memo::new(move |before: Option<&bool>| {
        before.copied().unwrap_or_default() || own.loaded.with(Option::is_some)
    });
    view! {
        <section class="card own" id=SECTION tabindex="-1" aria-labelledby="own-title">
            <h2 id="own-title">"Your own models"</h2>
            <p class="section-lead">
                "Open a model, a pack, deltas or a recipe, from your disk or by name. Only headers are read until you load; \
                 local files are read in place and never leave this machine."
            </p>
            <open::Open/>
            <p class="visually-hidden" role="status" id="own-news">{text(move || own.news.get())}</p>
            {when(move || some.get(), move || view! {
                <h3 class="own-heading" id="own-items" tabindex="-1">"Opened"</h3>
                <ul class="own-cards" aria-labelledby="own-items">{live(move || card::cards(studio))}</ul>
                <merge::Merge/>
                <load::Load/>
                {files::files(studio)}
                {inside::inside(studio)}
            }.into_any())}
            {when(move || was_loaded.get(), || view! {
                <div class="own-use">
                    <ask::Ask/>
                    <measure::Measure/>
                </div>
            }.into_any())}
        </section>
    }
}
