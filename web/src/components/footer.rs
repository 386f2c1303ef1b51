//! The footer: what is open, what made it, and where numbers come from.

use leptos::prelude::*;

use super::live::live;
use crate::format::{bytes, count};
use crate::studio::Studio;

/// Provenance and licence.
#[component]
pub fn Footer() -> impl IntoView {
    let studio = Studio::current();
    let facts =
        move || {
            studio.pack.with(|pack| {
                let pack = pack.as_ref()?;
                Some(view! {
                <dl class="provenance" data-testid="pack">
                    <div><dt>"Pack"</dt><dd>{pack.title.clone()}</dd></div>
                    <div><dt>"Id"</dt><dd><code data-testid="pack-id">{pack.id.clone()}</code></dd></div>
                    <div><dt>"Parameters"</dt><dd>{count(pack.parameters)}</dd></div>
                    <div><dt>"Size"</dt><dd>{bytes(pack.bytes)}</dd></div>
                    <div><dt>"Seed"</dt><dd>{pack.seed}</dd></div>
                    <div class="wide"><dt>"Made by"</dt><dd><code>{pack.command.clone()}</code></dd></div>
                </dl>
            }.into_any())
            })
        };
    view! {
        <footer class="page-foot">
            {live(facts)}
            <p>
                "Every number is computed in this tab from the pack's own bytes, except rows marked as recorded, which name \
                 the command and file they come from. Nothing you do here leaves your machine. The method is MAEC, \
                 “Multi-lingual Ability Extraction and Combination” (arXiv 2410.07825). The studio is free software under \
                 the MIT or Apache 2.0 licence."
            </p>
        </footer>
    }
}
