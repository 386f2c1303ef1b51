//! Step 3: γ, η and Eq. 5; then the merge, its progress and what came out.

use leptos::prelude::*;
use maec_protocol::PackSummary;
use maec_recipe::Tab;

use super::extract::{Equation, FACTOR, StepHead, scalar, set_scalar};
use super::live::{live, text};
use super::param::{Param, Range};
use super::progress::Progress;
use super::segments::{Choice, Segments, code};
use super::{hand_focus, jump};
use crate::format::{plural, scientific, seconds};
use crate::math;
use crate::results::{headline, rows};
use crate::studio::{EngineState, Outcome, Studio, section};

/// γ, η and Eq. 5, with the button that does it all.
#[component]
pub fn Combine() -> impl IntoView {
    let studio = Studio::current();
    let counts = move || studio.ranking.with(|ranking| (ranking.count, ranking.len() - ranking.count));
    let case = move |which: &'static str, pick: fn((usize, usize)) -> usize| {
        text(move || format!("{which} ({})", plural(pick(counts()), "tensor")))
    };
    view! {
        <section class="card step step-combine" aria-labelledby="step-3">
            <StepHead number=3 name="Combine">
                "Add the languages to every tensor of the base, and the ability to the selected ones."
            </StepHead>
            <div class="cases">
                <p class="case">{case("Selected", |c| c.0)}</p>
                <Equation number=5 mathml=Signal::derive(move || studio.recipe.with(math::equation_5_selected))/>
                <p class="case">{case("Left out", |c| c.1)}</p>
                <Equation number=5 mathml=Signal::derive(math::equation_5_other)/>
            </div>
            <Param
                id="gamma".into() symbol="<math><mi>γ</mi></math>" words="Strength of the ability"
                range=Range { slider: (0.0, 3.0), ..FACTOR }
                value=scalar(studio, |p| p.gamma) set=set_scalar(studio, |p, v| p.gamma = v)
            />
            <Param
                id="eta".into() symbol="<math><mi>η</mi></math>" words="Strength of the languages, where selected" range=FACTOR
                value=scalar(studio, |p| p.eta) set=set_scalar(studio, |p, v| p.eta = v)
            />
            <Problems/>
            <RunPanel/>
        </section>
    }
}

/// The choices of problems a language: a look, the default, all there are.
fn choices(all: u32) -> Vec<Choice> {
    let few = [25, 100].into_iter().filter(|&few| few < all);
    let mut choices: Vec<Choice> = few.map(|few: u32| (few.to_string(), few.to_string())).collect();
    choices.push((all.to_string(), format!("all {all}")));
    choices
}

#[component]
fn Problems() -> impl IntoView {
    let studio = Studio::current();
    let all = studio.pack.with_untracked(|pack| {
        pack.as_ref().map_or(0, |pack: &std::sync::Arc<PackSummary>| pack.problems_per_language)
    });
    let chosen = code(move || studio.problems.get().to_string());
    let choose = Callback::new(move |value: String| {
        if let Ok(count) = value.parse() {
            studio.problems.set(count);
        }
    });
    view! { <Segments name="problems" legend="Test problems in each language" choices=choices(all) chosen choose/> }
}

/// The button, or the progress with its cancel button; below, the last merge.
#[component]
fn RunPanel() -> impl IntoView {
    let studio = Studio::current();
    let running = Memo::new(move |_| studio.is_running());
    let label = move || {
        let starting = studio.engine_state.with(|state| *state == EngineState::Starting);
        if starting { "Merge and evaluate when the engine is ready" } else { "Merge and evaluate" }
    };
    view! {
        <div class="run" data-testid="run" data-state=text(move || if running.get() { "running" } else { "idle" })>
            {live(move || if running.get() {
                hand_focus("cancel", "merge-evaluate");
                view! {
                    <Progress
                        run=studio.run name="Merge and evaluation" test="progress" id="cancel"
                        cancel=Callback::new(move |()| studio.cancel_run())
                    />
                }
                .into_any()
            } else {
                hand_focus("merge-evaluate", "cancel");
                view! {
                    <button
                        type="button" class="primary" id="merge-evaluate" data-testid="merge-evaluate"
                        on:click=move |_| studio.merge_and_evaluate()
                    >
                        {text(label)}
                    </button>
                }
                .into_any()
            })}
            {live(move || studio.outcome.get().map(|outcome| view! { <Merged outcome/> }.into_any()))}
        </div>
    }
}

#[component]
fn Merged(outcome: std::sync::Arc<Outcome>) -> impl IntoView {
    let studio = Studio::current();
    let hash = outcome.hash.clone();
    let short = hash.get(..12).unwrap_or(&hash).to_owned();
    let (copied, title) = (hash.clone(), hash.clone());
    let copy = move |_| {
        let hash = copied.clone();
        leptos::task::spawn_local(async move {
            let done = crate::browser::copy(&hash).await;
            studio.say(if done {
                "Hash copied."
            } else {
                "The browser does not let the page copy. Select the hash instead."
            });
        });
    };
    let gpu = outcome.backend.name == "wgpu";
    let results = rows(&outcome.results, &[]);
    let sentence = move || {
        let (code, name) = studio.reference();
        headline(&results, studio.metric.get(), &code, &name).unwrap_or_default()
    };
    let see = move |event: web_sys::MouseEvent| {
        jump(&event, section(Tab::Results));
        studio.tab.set(Tab::Results);
    };
    view! {
        <p class="merge-headline">
            {text(sentence)}" "
            <a href=format!("#{}", section(Tab::Results)) data-testid="see-results" on:click=see>"See results"</a>
        </p>
        <dl
            class="merge-facts" data-testid="merged" data-hash=hash data-backend=outcome.backend.name.clone()
            data-merge-dispatches=outcome.dispatches.0 data-evaluate-dispatches=outcome.dispatches.1
            data-max-difference=outcome.max_difference data-selected=outcome.selected
        >
            <div>
                <dt>"Merged model"</dt>
                <dd>
                    <code data-testid="hash" title=title>{short}"…"</code>
                    <button type="button" class="quiet" data-testid="copy-hash" on:click=copy>"Copy hash"</button>
                </dd>
            </div>
            <div>
                <dt>"Time"</dt>
                <dd>{seconds(outcome.merge_seconds)}" merge, "{seconds(outcome.evaluate_seconds)}" evaluation"</dd>
            </div>
            <div><dt>"On"</dt><dd>{outcome.backend.device.clone()}</dd></div>
            {gpu.then(|| view! {
                <div>
                    <dt>"GPU"</dt>
                    <dd>
                        {crate::format::count(outcome.dispatches.0 + outcome.dispatches.1)}" dispatches, at most "
                        {scientific(outcome.max_difference)}" from the CPU's merge"
                    </dd>
                </div>
            })}
        </dl>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_never_exceed_what_the_pack_has() {
        let counts = |all| choices(all).into_iter().map(|choice| choice.0).collect::<Vec<_>>();
        assert_eq!(counts(500), ["25", "100", "500"]);
        assert_eq!(counts(100), ["25", "100"]);
        assert_eq!(counts(20), ["20"]);
    }
}
