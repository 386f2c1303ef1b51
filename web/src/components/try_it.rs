//! Try it: one prompt for the base and the merged model.

use std::sync::Arc;

use leptos::prelude::*;
use maec_protocol::{PackSummary, StopReason};
use maec_recipe::Recipe;
use wasm_bindgen::JsCast;

use super::hand_focus;
use super::live::{live, text, when};
use super::segments::{Segments, code};
use crate::format::seconds;
use crate::studio::{Side, Speech, Studio};

/// Examples shown for a language.
const MOST_EXAMPLES: usize = 4;

/// The prompt box and the two answers.
#[component]
pub fn TryIt() -> impl IntoView {
    let studio = Studio::current();
    let languages = studio.pack.with_untracked(|pack| {
        pack.as_ref().map_or(Vec::new(), |pack| {
            let has_example = |code: &str| pack.examples.iter().any(|example| example.0 == code);
            pack.languages.iter().filter(|language| has_example(&language.code)).cloned().collect()
        })
    });
    let language =
        RwSignal::new(languages.get(1).or(languages.first()).map_or(String::new(), |l| l.code.clone()));
    let examples = move |code: &str| -> Vec<String> {
        let of = |(own, question): &(String, String)| (own == code).then(|| question.clone());
        studio.pack.with(|pack| {
            pack.as_ref()
                .map_or(Vec::new(), |pack| pack.examples.iter().filter_map(of).take(MOST_EXAMPLES).collect())
        })
    };
    let first = untrack(|| examples(&language.get()).into_iter().next().unwrap_or_default());
    let prompt = RwSignal::new(first);
    let is_typed = move || {
        prompt.with_untracked(|prompt| {
            let is_example = |pack: &Arc<PackSummary>| pack.examples.iter().any(|(_, own)| own == prompt);
            !prompt.trim().is_empty()
                && !studio.pack.with_untracked(|pack| pack.as_ref().is_some_and(is_example))
        })
    };
    let choose = Callback::new(move |code: String| {
        // What a person wrote stays.
        if let Some(first) = examples(&code).into_iter().next().filter(|_| !is_typed()) {
            prompt.set(first);
        }
        language.set(code);
    });
    let chosen = code(move || language.get());
    let choices: Vec<_> = languages.into_iter().map(|each| (each.code, each.name)).collect();
    let example = move |question: String| {
        let text = question.clone();
        view! {
            <li><button type="button" class="example" lang=language.get() on:click=move |_| prompt.set(text.clone())>{question}</button></li>
        }
    };
    let typed = move |event: web_sys::Event| {
        let area = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlTextAreaElement>().ok());
        prompt.set(area.map(|area| area.value()).unwrap_or_default());
    };
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        studio.generate(prompt.get_untracked());
    };
    view! {
        <section class="card try" id="try" tabindex="-1" aria-labelledby="try-title">
            <div class="section-head">
                <h2 id="try-title">"Try it"</h2>
                <Segments name="try" legend="Examples in" quiet=true choices chosen choose/>
            </div>
            <p class="section-lead">
                "Ask both models the same. The vocabulary is small: these models know the words of their examples, so vary names and numbers."
            </p>
            <form class="prompt" on:submit=submit>
                <label class="visually-hidden" for="prompt">"Prompt"</label>
                <textarea
                    id="prompt" rows="3" data-testid="prompt" spellcheck="false" lang=text(move || language.get())
                    prop:value=text(move || prompt.get()) on:input=typed
                ></textarea>
                {live(move || if studio.speaking.get() {
                    hand_focus("stop", "generate");
                    view! {
                        <button type="button" class="secondary" id="stop" data-testid="stop" on:click=move |_| studio.stop_generation()>"Stop"</button>
                    }
                    .into_any()
                } else {
                    hand_focus("generate", "stop");
                    view! {
                        <button
                            type="submit" class="primary" id="generate" data-testid="generate"
                            disabled=live(move || prompt.with(|prompt| prompt.trim().is_empty()))
                        >
                            "Ask both"
                        </button>
                    }
                    .into_any()
                })}
            </form>
            <ul class="examples" aria-label="Examples">
                {live(move || examples(&language.get()).into_iter().map(example).collect_view().into_any())}
            </ul>
            <div class="answers">
                <Answer side=Side::Base name="Base" language/>
                <Answer side=Side::Merged name="Merged" language/>
            </div>
        </section>
    }
}

fn ending(speech: &Speech) -> Option<String> {
    let (tokens, time, stop) = speech.end?;
    if (tokens, stop) == (0, StopReason::Cancelled) {
        return Some("You stopped it before it began.".into());
    }
    let why = match stop {
        StopReason::EndOfText => "the model ended",
        StopReason::Limit => "stopped at the limit",
        StopReason::Cancelled => "you stopped it",
    };
    Some(format!("{} in {}, {why}", crate::format::plural(tokens as usize, "token"), seconds(time)))
}

#[component]
fn Answer(side: Side, name: &'static str, language: RwSignal<String>) -> impl IntoView {
    let studio = Studio::current();
    let own = Memo::new(move |_| studio.speech.with(|speech| speech[side as usize].clone()));
    let is_stale = Memo::new(move |_| {
        let of_earlier = |merged: &Recipe| studio.recipe.with(|recipe| recipe != merged);
        own.with(|own| own.recipe.as_ref().is_some_and(of_earlier))
    });
    let id = if side == Side::Base { "answer-base" } else { "answer-merged" };
    view! {
        <article class="answer" class:merged=(side == Side::Merged) aria-label=format!("Answer of the {} model", name.to_ascii_lowercase())>
            <h3>{name}</h3>
            <p
                class="answer-text" data-testid=id lang=text(move || language.get())
                aria-live="polite" aria-busy=text(move || own.with(|own| own.busy).to_string())
            >
                <span class="answer-prompt">{text(move || own.with(|own| own.prompt.clone()))}</span>
                <span class="answer-new">{text(move || own.with(|own| own.text.clone()))}</span>
                {when(move || own.with(|own| own.busy), || view! { <span class="caret" aria-hidden="true"></span> }.into_any())}
            </p>
            <p class="answer-end">{live(move || own.with(ending))}</p>
            {when(move || is_stale.get(), || view! {
                <p class="stale" data-testid="answer-stale">"This is the answer of earlier settings. Ask again for the present ones."</p>
            }.into_any())}
        </article>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_how_long_and_why() {
        let speech = Speech { end: Some((1, 0.25, StopReason::EndOfText)), ..Speech::default() };
        assert_eq!(ending(&speech).as_deref(), Some("1 token in 0.2\u{202f}s, the model ended"));
        assert_eq!(ending(&Speech::default()), None);
        let speech = Speech { end: Some((0, 0.0, StopReason::Cancelled)), ..Speech::default() };
        assert_eq!(ending(&speech).as_deref(), Some("You stopped it before it began."));
    }
}
