//! What the page says across its top and in passing.

use leptos::prelude::*;

use super::live::live;
use crate::studio::Studio;

/// A message that stays until it is closed.
#[component]
pub fn NoticeBar() -> impl IntoView {
    let studio = Studio::current();
    view! {
        // The regions are always there, since a live region that appears together with its text is often not read.
        <div role="alert">
            {live(move || studio.notice.get().map(|notice| view! {
                <div class="notice" class:problem=notice.problem data-testid="notice">
                    <p>{notice.text}</p>
                    <button type="button" class="quiet" data-testid="close-notice" on:click=move |_| studio.notice.set(None)>"Close"</button>
                </div>
            }.into_any()))}
        </div>
    }
}

/// A message that goes by itself.
#[component]
pub fn Toast() -> impl IntoView {
    let studio = Studio::current();
    view! {
        <div class="toasts" role="status">
            {live(move || studio.toast.get().map(|text| view! { <p class="toast" data-testid="toast">{text}</p> }.into_any()))}
        </div>
    }
}
