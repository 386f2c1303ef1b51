//! One prompt for what was loaded, and what it wrote.

use leptos::prelude::*;
use maec_protocol::StopReason;
use wasm_bindgen::JsCast;

use crate::components::live::{live, text, when};
use crate::components::{hand_focus, input_of};
use crate::format::{number, plural, seconds};
use crate::studio::{Run, Said, Studio};

/// New tokens that may be asked for.
const MOST_TOKENS: u32 = 4_096;

/// The prompt box and its answer.
#[component]
pub fn Ask() -> impl IntoView {
    let studio = Studio::current();
    let own = studio.own;
    let prompt = RwSignal::new(String::new());
    let chat = RwSignal::new(true);
    let most = RwSignal::new(String::from("128"));
    let tokens =
        move || most.with(|most| most.trim().parse().ok().filter(|most| (1..=MOST_TOKENS).contains(most)));
    let has_chat =
        Memo::new(move |_| own.loaded.with(|loaded| loaded.as_ref().is_some_and(|loaded| loaded.chat)));
    let able = move || {
        own.loaded.with(Option::is_some)
            && own.loading.with(|loading| *loading == Run::Idle)
            && prompt.with(|prompt| !prompt.trim().is_empty())
            && tokens().is_some()
    };
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if let Some(tokens) = untrack(tokens) {
            let chat = chat.get_untracked() && has_chat.get_untracked();
            studio.say_own(prompt.get_untracked(), chat, tokens);
        }
    };
    let typed = move |event: web_sys::Event| {
        let area = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlTextAreaElement>().ok());
        prompt.set(area.map(|area| area.value()).unwrap_or_default());
    };
    let busy = Memo::new(move |_| own.said.with(|said| said.busy));
    view! {
        <div class="own-ask">
            <h3 class="own-heading" id="own-ask-title">"Ask it"</h3>
            <form class="prompt" on:submit=submit>
                <label class="visually-hidden" for="own-prompt">"Prompt for your own model"</label>
                <textarea id="own-prompt" rows="3" spellcheck="false" placeholder="What should it go on from?" on:input=typed></textarea>
                {live(move || if busy.get() {
                    hand_focus("own-stop", "own-generate");
                    view! { <button type="button" class="secondary" id="own-stop" on:click=move |_| studio.stop_saying()>"Stop"</button> }
                        .into_any()
                } else {
                    hand_focus("own-generate", "own-stop");
                    view! { <button type="submit" class="primary" id="own-generate" disabled=live(move || !able())>"Generate"</button> }
                        .into_any()
                })}
            </form>
            <div class="own-options">
                <label class="own-check">
                    <input
                        type="checkbox" id="own-chat" prop:checked=live(move || chat.get() && has_chat.get())
                        disabled=live(move || !has_chat.get())
                        on:change=move |event| chat.set(input_of(&event).is_some_and(|input| input.checked()))
                    />
                    {text(move || if own.loaded.with(Option::is_none) || has_chat.get() { "Use the chat template" } else { "Use the chat template (it has none)" })}
                </label>
                <label class="own-number">
                    "At most "
                    <input
                        type="number" id="own-max" class="own-input" min="1" max=MOST_TOKENS prop:value=text(move || most.get())
                        aria-invalid=text(move || tokens().is_none().to_string())
                        on:input=move |event| most.set(input_of(&event).map(|input| input.value()).unwrap_or_default())
                    />
                    " new tokens"
                </label>
            </div>
            <p class="note">{text(move || missing(studio, tokens().is_some()))}</p>
            <p class="error" role="alert" id="own-say-note">{text(move || own.say_note.get())}</p>
            {when(move || own.said.with(|said| !said.prompt.is_empty()), move || view! {
                <div class="answer merged">
                    <p class="answer-text" id="own-output" aria-live="polite" aria-busy=text(move || busy.get().to_string())>
                        <span class="answer-prompt">{text(move || own.said.with(|said| said.prompt.clone()))}</span>
                        <span class="answer-new" id="own-text">{text(move || own.said.with(|said| said.text.clone()))}</span>
                        {when(move || busy.get(), || view! { <span class="caret" aria-hidden="true"></span> }.into_any())}
                    </p>
                    <p class="answer-end" id="own-rate">{text(move || own.said.with(ending))}</p>
                </div>
            }.into_any())}
        </div>
    }
}

fn missing(studio: Studio, tokens: bool) -> String {
    match (studio.own.loaded.with(Option::is_none), tokens) {
        (true, _) => "Nothing is loaded now. Load a model to ask it.".into(),
        (_, false) => format!("Give a number of new tokens from 1 to {MOST_TOKENS}."),
        _ => String::new(),
    }
}

/// How fast it writes, or how it ended.
fn ending(said: &Said) -> String {
    let rate = |tokens: u32, time: f64| number(f64::from(tokens) / time, 1);
    match said.end {
        None if said.busy && said.pace.0 > 2 => {
            format!("About {} tokens/s", rate(said.pace.0 - 1, said.pace.1.max(1e-3)))
        }
        None => String::new(),
        Some((0, _, StopReason::Cancelled)) => "You stopped it before it began.".into(),
        Some((tokens, time, stop)) => {
            let why = match stop {
                StopReason::EndOfText => "the model ended",
                StopReason::Limit => "stopped at the limit",
                StopReason::Cancelled => "you stopped it",
            };
            let counted = plural(tokens as usize, "token");
            format!("{counted} in {}, {} tokens/s, {why}", seconds(time), rate(tokens, time.max(1e-3)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_how_fast_and_why() {
        let end = |tokens, time, stop| ending(&Said { end: Some((tokens, time, stop)), ..Said::default() });
        assert_eq!(
            end(20, 2.5, StopReason::Limit),
            "20 tokens in 2.5\u{202f}s, 8 tokens/s, stopped at the limit"
        );
        assert_eq!(end(0, 0.0, StopReason::Cancelled), "You stopped it before it began.");
        let going = |pieces, time| ending(&Said { busy: true, pace: (pieces, time), ..Said::default() });
        assert_eq!(going(1, 0.0), "");
        assert_eq!(going(11, 2.0), "About 5 tokens/s");
    }
}
