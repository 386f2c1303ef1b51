//! Evaluation of what was loaded on files of one's own.

use leptos::prelude::*;
use web_sys::File;

use super::parts::{Names, chooser, runner};
use crate::components::input_of;
use crate::components::live::{live, text, when};
use crate::files::from_input;
use crate::format::{seconds, title};
use crate::html;
use crate::studio::{Measured, Run, Studio, TASKS, guess};

/// MGSM's languages.
const LANGUAGES: [(&str, &str); 11] = [
    ("en", "English"),
    ("es", "Spanish"),
    ("zh", "Chinese"),
    ("bn", "Bengali"),
    ("te", "Telugu"),
    ("de", "German"),
    ("fr", "French"),
    ("ja", "Japanese"),
    ("ru", "Russian"),
    ("sw", "Swahili"),
    ("th", "Thai"),
];

/// Files, task, language, limit, and the report.
#[component]
pub fn Measure() -> impl IntoView {
    let studio = Studio::current();
    let own = studio.own;
    let files = StoredValue::new_local(Vec::<File>::new());
    let names = RwSignal::new(Vec::<String>::new());
    let task = RwSignal::new(String::from(TASKS[0].code));
    let language = RwSignal::new(String::from("en"));
    let limit = RwSignal::new(String::from("20"));
    let problem = RwSignal::new(String::new());
    let read_limit = move || {
        limit.with(|limit| match limit.trim() {
            "" => Some(None),
            typed => typed.parse().ok().filter(|limit| *limit > 0).map(Some),
        })
    };
    let chosen = move |event: web_sys::Event| {
        let Some(read) = input_of(&event).map(|input| from_input(&input)) else { return };
        match read {
            Ok(brought) if !brought.files.is_empty() => {
                let (guessed, code) = guess(&brought.paths);
                task.set(guessed.into());
                if let Some(code) = code.filter(|code| LANGUAGES.iter().any(|language| language.0 == *code)) {
                    language.set(code.into());
                }
                problem.set(String::new());
                names.set(brought.paths);
                files.set_value(brought.files);
            }
            Ok(_) => {}
            Err(sentence) => problem.set(sentence),
        }
    };
    let able = move || {
        own.loaded.with(Option::is_some)
            && own.loading.with(|loading| *loading == Run::Idle)
            && names.with(|names| !names.is_empty())
            && read_limit().is_some()
    };
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if let Some(limit) = untrack(read_limit) {
            let language = language.get_untracked();
            studio.evaluate_own(task.get_untracked(), language, limit, files.get_value());
        }
    };
    let names_of =
        Names { name: "Evaluation", test: "own-evaluating", go: "own-evaluate", stop: "own-evaluate-cancel" };
    let strings = |&(code, label): &(&str, &str)| (code.into(), label.into());
    let tasks = move || TASKS.iter().map(|task| strings(&(task.code, task.label))).collect();
    let languages = move || LANGUAGES.iter().map(strings).collect();
    view! {
        <div class="own-measure">
            <h3 class="own-heading">"Evaluate it on a file"</h3>
            <form class="own-form" on:submit=submit novalidate>
                <label class="secondary own-file">
                    <input type="file" id="own-data" multiple on:change=chosen/>
                    "Choose a data file"
                </label>
                <p class="own-chosen" id="own-data-names" role="status">
                    {text(move || names.with(|names| if names.is_empty() { "None chosen".into() } else { names.join(", ") }))}
                </p>
                {chooser("own-task", "Task", tasks, task)}
                {when(move || task.with(|task| task == "mgsm"), move || chooser("own-language", "Language", languages, language))}
                <label class="own-field">
                    <span>"Only the first"</span>
                    <input
                        type="number" id="own-limit" class="own-input" min="1" placeholder="all" prop:value=text(move || limit.get())
                        aria-invalid=text(move || read_limit().is_none().to_string())
                        on:input=move |event| limit.set(input_of(&event).map(|input| input.value()).unwrap_or_default())
                    />
                </label>
                {runner(studio, own.evaluating, names_of, false, Studio::cancel_own_evaluation, move || view! {
                    <button type="submit" class="primary" id="own-evaluate" disabled=live(move || !able())>"Evaluate"</button>
                }.into_any())}
            </form>
            <p class="error" role="alert" id="own-evaluate-note">
                {text(move || if problem.with(String::is_empty) { own.evaluate_note.get() } else { problem.get() })}
            </p>
            {live(move || own.measured.with(|measured| measured.as_ref().map(|measured| report(studio, measured))))}
        </div>
    }
}

fn report(studio: Studio, measured: &Measured) -> AnyView {
    // A row with its first cell alone is a note.
    let is_note = |row: &&Vec<String>| row.len() > 1 && row[1..].iter().all(String::is_empty);
    let (notes, rows): (Vec<_>, Vec<_>) = measured.table.iter().partition(is_note);
    let notes = notes.into_iter().map(|row| view! { <p class="note">{row[0].clone()}</p> }).collect_view();
    let rows: Vec<Vec<String>> = rows.into_iter().cloned().collect();
    let caption = format!(
        "{} on {}, in {}",
        title(&measured.title),
        measured.names.join(", "),
        seconds(measured.seconds)
    );
    view! {
        <div class="own-report">
            <p class="note" id="own-report-title">{caption}</p>
            <div class="scroll" role="region" tabindex="0" aria-label="Report">
                <table class="numbers" id="own-report" aria-labelledby="own-report-title" inner_html=html::table(&rows)></table>
            </div>
            {notes}
            <button type="button" class="secondary" id="own-save" on:click=move |_| studio.save_report()>"Save JSON"</button>
        </div>
    }
    .into_any()
}
