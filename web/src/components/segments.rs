//! A choice among a few: radio buttons that look like one control.

use leptos::prelude::*;

use super::live::live;

/// One choice: its value, which also ends its test id, and its label.
pub type Choice = (String, String);

/// Radio buttons side by side. `name` is the group's, and with a value's code the test id of its button.
#[component]
pub fn Segments(
    name: &'static str,
    #[prop(into)] legend: String,
    /// The legend is for screen readers alone.
    #[prop(optional)]
    quiet: bool,
    choices: Vec<Choice>,
    #[prop(into)] chosen: Signal<String>,
    choose: Callback<String>,
    /// Which choices cannot be taken now.
    #[prop(optional, into)]
    refused: Option<Callback<String, bool>>,
) -> impl IntoView {
    let choice = move |(value, label): Choice| {
        let (own, taken, barred) = (value.clone(), value.clone(), value.clone());
        view! {
            <label class="segment">
                <input
                    type="radio" name=name value=value.clone() data-testid=format!("{name}-{value}")
                    disabled=live(move || refused.is_some_and(|refused| refused.run(barred.clone())))
                    prop:checked=live(move || chosen.with(|chosen| *chosen == own))
                    on:change=move |_| choose.run(taken.clone())
                />
                <span>{label}</span>
            </label>
        }
    };
    view! {
        <fieldset class=format!("choice {name}-choice")>
            <legend class:visually-hidden=quiet>{legend}</legend>
            <div class="segments">{choices.into_iter().map(choice).collect_view()}</div>
        </fieldset>
    }
}

/// A signal of a chosen value's code.
pub fn code(get: impl Fn() -> String + Send + Sync + 'static) -> Signal<String> {
    Signal::derive(get)
}
