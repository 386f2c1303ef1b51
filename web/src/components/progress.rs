//! Long work that goes on: what is done, how far it is, and the button that stops it.

use leptos::prelude::*;

use super::live::{live, text};
use crate::format::{bytes, seconds};
use crate::studio::Run;

/// Where the work is.
#[derive(Clone, PartialEq, Default)]
struct Place {
    label: String,
    /// In per cent; nothing while unknown.
    share: Option<f64>,
    /// Bytes, or the share.
    amount: Option<String>,
    left: Option<f64>,
}

fn place(run: &Run, in_bytes: bool) -> Place {
    let Run::Working { label, done, total, left } = run else { return Place::default() };
    let share = (*total > 0).then(|| (*done as f64 / *total as f64).min(1.0) * 100.0);
    let amount = share.map(|share| match in_bytes {
        true => format!("{} of {}", bytes(*done), bytes(*total)),
        false => format!("{share:.0}\u{202f}%"),
    });
    Place { label: label.clone(), share, amount, left: *left }
}

/// A progress bar with its words and its cancel button, which has `id` as its id and test id.
#[component]
pub fn Progress(
    run: RwSignal<Run>,
    /// What the work is, for screen readers.
    name: &'static str,
    /// The test id.
    test: &'static str,
    id: &'static str,
    cancel: Callback<()>,
    /// The units are bytes.
    #[prop(optional)]
    in_bytes: bool,
) -> impl IntoView {
    let now = Memo::new(move |_| run.with(|run| place(run, in_bytes)));
    // Read out only when the kind of work changes, not at every step.
    let label = Memo::new(move |_| now.with(|now| now.label.clone()));
    let share = move || now.with(|now| now.share);
    view! {
        <div class="progress" data-testid=test>
            <p class="progress-label" role="status">{text(move || label.get())}</p>
            <div
                class="progress-track" role="progressbar" aria-label=name aria-valuemin="0" aria-valuemax="100"
                aria-valuenow=live(move || share().map(|share| format!("{share:.0}")))
                class:unknown=live(move || share().is_none())
            >
                <span style:width=live(move || share().map(|share| format!("{share:.2}%")))></span>
            </div>
            <p class="progress-numbers">
                <span>{live(move || now.with(|now| now.amount.clone()))}</span>
                <span>{live(move || now.with(|now| now.left).map(|left| format!("about {} left", seconds(left.max(0.1)))))}</span>
            </p>
            <button type="button" class="secondary" id=id data-testid=id on:click=move |_| cancel.run(())>"Cancel"</button>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_unknown_until_the_total_is() {
        let at = |done, total| place(&Run::Working { label: "x".into(), done, total, left: None }, true);
        assert_eq!((at(0, 0).share, at(0, 0).amount), (None, None));
        assert_eq!(at(5_000_000, 20_000_000).share, Some(25.0));
        assert_eq!(at(5_000_000, 20_000_000).amount.as_deref(), Some("5.0\u{202f}MB of 20.0\u{202f}MB"));
        assert_eq!(at(30, 20).share, Some(100.0));
        assert_eq!(place(&Run::Idle, false).label, "");
    }
}
