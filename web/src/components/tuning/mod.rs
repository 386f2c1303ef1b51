//! Tuning: a search for hyper-parameters, opened from a file or made here, and what it says.

mod plot;
mod search;

use leptos::prelude::*;

use super::input_of;
use super::live::{live, text, when};
use crate::files::from_input;
use crate::format::plural;
use crate::studio::{Run, Studio};
use crate::tuning::{Tuning, ratio, scored};

/// The section's id.
pub const SECTION: &str = "tuning";

/// The section.
#[component]
pub fn Tuning() -> impl IntoView {
    let studio = Studio::current();
    let tune = studio.tune;
    let some = Memo::new(move |_| tune.shown.with(Option::is_some));
    let chosen = move |event: web_sys::Event| {
        let Some(read) = input_of(&event).map(|input| from_input(&input)) else { return };
        match read {
            Ok(brought) => studio.open_tuning(brought),
            Err(sentence) => tune.note.set(sentence),
        }
    };
    let is_running = move || tune.run.with(|run| *run != Run::Idle);
    view! {
        <section class="card tuning" id=SECTION tabindex="-1" aria-labelledby="tuning-title" data-state=text(move || match (some.get(), is_running()) {
            (_, true) => "searching",
            (true, _) => "shown",
            (false, _) => "empty",
        })>
            <h2 id="tuning-title">"Tuning"</h2>
            <p class="section-lead">
                "Which numbers suit the equations? Many choices are merged and asked validation problems, none of which is a test \
                 problem. What counts is accuracy outside the reference language within a limit on perplexity."
            </p>
            <div class="tuning-ways">
                <div class="tuning-open">
                    <h3>"Open a search"</h3>
                    <p class="note">"The JSON that "<code>"maec tune"</code>" or this page wrote. You can also drop it here."</p>
                    <label class="secondary own-file">
                        <input type="file" id="tuning-file" accept=".json,application/json" disabled=live(is_running) on:change=chosen/>
                        "Choose a file"
                    </label>
                </div>
                {search::search(studio)}
            </div>
            <p class="error" role="alert" id="tuning-note">{text(move || tune.note.get())}</p>
            {when(move || some.get(), move || view! {
                <p class="headline" role="status" id="tuning-headline">
                    {text(move || tune.shown.with(|shown| shown.as_ref().map(|tuning| headline(tuning))).unwrap_or_default())}
                </p>
                {when(move || tune.is_own.get() && !is_running(), move || view! {
                    <button type="button" class="secondary" id="tuning-save" on:click=move |_| studio.save_tuning()>"Save as JSON"</button>
                }.into_any())}
                {plot::plot(studio)}
            }.into_any())}
        </section>
    }
}

/// What a search found, in a sentence or two.
fn headline(tuning: &Tuning) -> String {
    let limit = ratio(tuning.plan.objective.perplexity_limit);
    let count = plural(tuning.trials.len(), "trial");
    let Some(best) = tuning.trial(tuning.best) else { return String::new() };
    let rule = match tuning.within_limit {
        true => format!("the best within {limit} × the base’s perplexity"),
        false => format!("none is within {limit} × the base’s perplexity; the nearest"),
    };
    format!("Of {count}, {rule} is trial {}: {}.", best.number, scored(best))
}
