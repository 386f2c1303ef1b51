//! What a search says, drawn: the trials with their front, the one that is looked at, and the sensitivities.

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, KeyboardEvent, MouseEvent};

use crate::browser;
use crate::components::hand_focus;
use crate::components::live::{live, text, when};
use crate::html;
use crate::order::order;
use crate::studio::Studio;
use crate::tuning::{
    Method, Trial, Tuning, front_table, numbers, scatter, scored, senses, senses_key, senses_table,
};

/// The plots, their tables and the choice.
pub fn plot(studio: Studio) -> AnyView {
    let tune = studio.tune;
    let of = move |make: fn(&Tuning) -> String| {
        text(move || tune.shown.with(|shown| shown.as_ref().map(|tuning| make(tuning))).unwrap_or_default())
    };
    let points = move || {
        // A point that has the focus keeps it when one more is drawn.
        if let Some(id) = browser::find("#tuning-scatter :focus").map(|point| point.id()) {
            spawn_local(async move {
                gloo_timers::future::TimeoutFuture::new(0).await;
                browser::focus(&id);
            });
        }
        let chosen = tune.chosen.get_untracked();
        tune.shown.with(|shown| {
            shown.as_ref().map(|tuning| scatter(tuning, chosen.unwrap_or(tuning.best))).unwrap_or_default()
        })
    };
    let looked_at = Memo::new(move |_| tune.trial());
    let clicked = move |event: MouseEvent| {
        if let Some(number) = number_of(&event) {
            choose(studio, number);
        }
    };
    let pressed = move |event: KeyboardEvent| {
        let Some(number) = number_of(&event) else { return };
        let next = tune.shown.with_untracked(|shown| next(shown.as_ref()?, number, &event.key()));
        if let Some(next) = next {
            event.prevent_default();
            choose(studio, next);
        }
    };
    view! {
        <div class="tuning-body">
            <div class="tuning-plot">
                <h3 id="tuning-plot-title">"Accuracy against perplexity"</h3>
                <div class="scatter" id="tuning-scatter" inner_html=text(points) on:click=clicked on:keydown=pressed></div>
                <p class="scatter-name">"Perplexity over the base’s; less is better"</p>
                <p class="note tuning-legend">
                    <span><i class="point on-front"></i>"on the front: no other is better in both"</span>
                    <span><i class="point on-front best"></i>"best"</span>
                    <span><i class="limit"></i>"limit"</span>
                    <span>"Arrow keys walk from trial to trial."</span>
                </p>
                {twin(studio, "tuning-table", "All trials as a table", front_table)}
            </div>
            <div class="tuning-rest">
                {live(move || looked_at.get().map(|(trial, method)| look(studio, &trial, method)))}
                <h3>"What matters"</h3>
                <p class="note">{of(senses_key)}</p>
                <div class="senses" id="tuning-senses" inner_html=of(senses)></div>
                {twin(studio, "tuning-senses-table", "What matters as a table", senses_table)}
            </div>
        </div>
    }
    .into_any()
}

/// The trial that is looked at, and the button that takes its numbers.
fn look(studio: Studio, trial: &Trial, method: Method) -> AnyView {
    // Another best trial takes this one's place while a search goes on.
    hand_focus("tuning-use", "tuning-use");
    let uses = match method {
        Method::Maec => view! {
            <button type="button" class="primary" id="tuning-use" on:click=move |_| studio.use_choice()>"Use this choice"</button>
        }
        .into_any(),
        Method::FTv | Method::LTv => view! {
            <p class="note" id="tuning-use-note">"These are task vectors. The studio’s controls are MAEC’s, so their numbers are shown only."</p>
        }
        .into_any(),
    };
    let (words, numbers) = (scored(trial), numbers(&trial.choice, method));
    view! {
        <div class="tuning-look" id="tuning-look">
            <div role="status">
                <h3>{format!("Trial {}", trial.number)}</h3>
                <p id="tuning-scores">{capital(&words)}"."</p>
                <p id="tuning-numbers">{numbers}</p>
            </div>
            {uses}
        </div>
    }
    .into_any()
}

fn capital(words: &str) -> String {
    words.replacen("accuracy", "Accuracy", 1)
}

/// A plot's numbers, made when they are asked for.
fn twin(
    studio: Studio,
    id: &'static str,
    name: &'static str,
    rows: fn(&Tuning) -> Vec<Vec<String>>,
) -> AnyView {
    let open = RwSignal::new(false);
    let table = move || {
        let shown = studio.tune.shown.get();
        let rows = shown.map(|tuning| rows(&tuning)).unwrap_or_default();
        html::table(&rows)
    };
    view! {
        <details class="note" on:toggle=move |event| open.set(browser::is_open(&event))>
            <summary>{name}</summary>
            {when(move || open.get(), move || view! {
                <div class="scroll" role="region" tabindex="0" aria-label=name>
                    <table class="numbers" id=id aria-label=name inner_html=text(table)></table>
                </div>
            }.into_any())}
        </details>
    }
    .into_any()
}

/// The trial whose point an event came from.
fn number_of(event: &Event) -> Option<usize> {
    let target: Element = event.target()?.dyn_into().ok()?;
    target.closest(".points .point").ok()??.id().strip_prefix("trial-")?.parse().ok()
}

/// Looks at a trial: its point has the focus and is the one that the Tab key reaches.
fn choose(studio: Studio, number: usize) {
    let id = format!("trial-{number}");
    for (css, reach, is_chosen) in
        [("#tuning-scatter [tabindex='0']", "-1", "false"), (&format!("#{id}"), "0", "true")]
    {
        browser::set_attribute(css, "aria-selected", is_chosen);
        browser::set_attribute(css, "tabindex", reach);
    }
    browser::focus(&id);
    studio.tune.chosen.set(Some(number));
}

/// The trial that a key leads to: left and right by perplexity, up and down by accuracy, Home to the best.
fn next(tuning: &Tuning, number: usize, key: &str) -> Option<usize> {
    let trials = &tuning.trials;
    let (score, forward): (fn(&Trial) -> f64, bool) = match key {
        "Home" => return Some(tuning.best),
        "ArrowRight" | "ArrowLeft" => (|trial| trial.perplexity_ratio, key == "ArrowRight"),
        "ArrowUp" | "ArrowDown" => (|trial| trial.accuracy, key == "ArrowUp"),
        _ => return None,
    };
    let places = order(trials.len(), &|a, b| score(&trials[a]).total_cmp(&score(&trials[b])));
    let here = places.iter().position(|place| *place == number)?;
    let there = if forward { here + 1 } else { here.checked_sub(1).unwrap_or(here) };
    places.get(there.min(places.len() - 1)).map(|place| trials[*place].number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::tests::{companion, trial};

    #[test]
    fn arrow_keys_reach_every_trial_and_stop_at_the_ends() {
        let of = companion();
        let trials = vec![trial(0, 0.3, 1.3), trial(1, 0.1, 1.1), trial(2, 0.2, 1.2)];
        let tuning = Tuning::new(of.plan, of.base, trials).unwrap();
        let walk = |mut number, key: &str, times: usize| {
            (0..times).for_each(|_| number = next(&tuning, number, key).unwrap());
            number
        };
        assert_eq!((walk(1, "ArrowRight", 1), walk(1, "ArrowRight", 2), walk(1, "ArrowRight", 3)), (2, 0, 0));
        assert_eq!((walk(0, "ArrowLeft", 2), walk(0, "ArrowLeft", 9)), (1, 1));
        assert_eq!((walk(1, "ArrowUp", 2), walk(0, "ArrowDown", 5)), (0, 1));
        assert_eq!(walk(2, "Home", 1), tuning.best);
        assert_eq!(next(&tuning, 0, "a"), None);
    }
}
