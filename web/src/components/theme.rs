//! Light, dark, or as the system has it.

use leptos::prelude::*;

use super::live::text;
use crate::browser;

const KEY: &str = "maec-theme";
const THEMES: [(&str, &str); 3] = [("auto", "Auto"), ("light", "Light"), ("dark", "Dark")];

/// Goes through the three themes; the browser keeps the choice.
#[component]
pub fn ThemeToggle() -> impl IntoView {
    let kept = browser::stored(KEY).and_then(|kept| THEMES.iter().position(|theme| theme.0 == kept));
    let theme = RwSignal::new(kept.unwrap_or(0));
    Effect::new(move |_| browser::set_theme(THEMES[theme.get()].0));
    let next = move |_| {
        theme.update(|theme| *theme = (*theme + 1) % THEMES.len());
        browser::store(KEY, THEMES[theme.get_untracked()].0);
    };
    view! {
        <button type="button" class="tool theme" data-testid="theme" on:click=next>
            <span class="theme-icon" data-theme-icon=text(move || THEMES[theme.get()].0) aria-hidden="true"></span>
            <span class="visually-hidden">"Theme: "</span>
            <span class="tool-label">{text(move || THEMES[theme.get()].1)}</span>
        </button>
    }
}
