//! Long work that goes on: what is done, how far it is, and the button that stops it.

use leptos::prelude::*;

use super::live::{live, text};
use crate::format::{bytes, seconds};
use crate::studio::{Run, Working};

/// Where the work is.
#[derive(Clone, PartialEq, Default)]
struct Place {
    label: String,
    /// In per cent; nothing while unknown.
    share: Option<f64>,
    /// Bytes, or the share.
    amount: Option<String>,
    left: Option<f64>,
    /// Of the engine, now and at most.
    memory: String,
}

/// Bytes a second, once there is something to go by.
pub fn rate(done: u64, time: f64) -> String {
    let told = time > 0.05 && done > 0;
    if told { format!(", {}/s", bytes((done as f64 / time) as u64)) } else { String::new() }
}

fn place(run: &Run, in_bytes: bool) -> Place {
    let Run::Working(now) = run else { return Place::default() };
    let Working { label, done, total, seconds: time, memory } = now;
    let share = (*total > 0).then(|| (*done as f64 / *total as f64).min(1.0) * 100.0);
    let amount = share.map(|share| match in_bytes {
        true => format!("{} of {}{}", bytes(*done), bytes(*total), rate(*done, *time)),
        false => format!("{share:.0}\u{202f}%"),
    });
    let said = match memory {
        (0, _) => String::new(),
        (memory, peak) => format!("Memory of the engine: {}, at most {}", bytes(*memory), bytes(*peak)),
    };
    Place { label: label.clone(), share, amount, left: now.left(), memory: said }
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
            <p class="note" data-memory="">{text(move || now.with(|now| now.memory.clone()))}</p>
            <button type="button" class="secondary" id=id data-testid=id on:click=move |_| cancel.run(())>"Cancel"</button>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_unknown_until_the_total_is() {
        let at = |done, total| {
            let seconds = if done == 30 { 3.0 } else { 0.0 };
            place(&Run::Working(Working { label: "x".into(), done, total, seconds, memory: (0, 0) }), true)
        };
        assert_eq!((at(0, 0).share, at(0, 0).amount), (None, None));
        assert_eq!(at(5_000_000, 20_000_000).share, Some(25.0));
        assert_eq!(at(5_000_000, 20_000_000).amount.as_deref(), Some("5.0\u{202f}MB of 20.0\u{202f}MB"));
        assert_eq!(at(30, 20).share, Some(100.0));
        assert_eq!(place(&Run::Idle, false).label, "");
    }
}
