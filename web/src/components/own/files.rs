//! Merging into files: the mergekit file, its plan, the button that writes, and what was written.

use leptos::prelude::*;
use maec_protocol::FilePlan;
use wasm_bindgen::JsCast;

use super::facts::{Fact, facts};
use super::parts::{Names, chooser, number_field, runner};
use crate::components::live::{live, text, when};
use crate::components::progress::rate;
use crate::format::{bytes, count, parameters, plural, seconds};
use crate::studio::{Studio, Written, shard_bytes};
use crate::{browser, storage};

/// The panel.
pub fn files(studio: Studio) -> AnyView {
    studio.keep_planning();
    let files = studio.own.files;
    let by_file = Memo::new(move |_| studio.own.merges_by_file());
    let button = move || {
        let words =
            move || files.planned.with(|planned| label(planned.as_ref().and_then(|it| it.plan.as_ref())));
        let able = move || {
            !files.planning.get()
                && files.planned.with(|planned| planned.as_ref().is_some_and(|it| it.plan.is_some()))
        };
        view! {
            <button
                type="button" class="primary" id="files-write" disabled=live(move || !able())
                on:click=move |_| studio.write_files()
            >
                {text(words)}
            </button>
        }
        .into_any()
    };
    let names =
        Names { name: "Merging into files", test: "files-progress", go: "files-write", stop: "files-cancel" };
    view! {
        <h3 class="own-heading" id="files-title" tabindex="-1">"Merge into files"</h3>
        <p class="note">
            "The result is a model’s folder as other programs read it. It is computed piece by piece, so a model may be larger \
             than this tab’s memory."
        </p>
        {when(move || studio.own.recipe.with(Option::is_some), move || which(studio))}
        {when(move || by_file.get(), move || editor(studio))}
        {number_field("files-shard", "Largest file, GB", files.shard, |typed| shard_bytes(typed).is_some())}
        <p class="note" id="files-wait">{text(move || waiting(studio))}</p>
        <div class="own-weighed" id="files-plan" aria-busy=text(move || files.planning.get().to_string())>
            {live(move || files.planned.with(|planned| planned.as_ref().map(|planned| view! {
                {problems(&planned.problems)}
                {planned.plan.as_ref().map(summary)}
            }.into_any())))}
        </div>
        <div class="own-load">
            {runner(studio, files.run, names, true, Studio::cancel_write, button)}
            <p class="error" role="alert" id="files-note">{text(move || files.note.get())}</p>
        </div>
        {live(move || files.written.with(|written| written.as_ref().map(|written| outcome(studio, written))))}
    }
    .into_any()
}

/// The recipe or a mergekit file.
fn which(studio: Studio) -> AnyView {
    let by_file = studio.own.files.by_file;
    let one = move |(id, words, value): (&'static str, &'static str, bool)| {
        view! {
            <label class="own-check">
                <input
                    type="radio" name="files-by" id=id prop:checked=live(move || by_file.get() == value)
                    on:change=move |_| by_file.set(value)
                />
                {words}
            </label>
        }
    };
    let both =
        [("files-by-recipe", "By the open recipe", false), ("files-by-file", "By a mergekit file", true)];
    view! { <div class="own-options" role="group" aria-label="What is merged">{both.map(one).collect_view()}</div> }
        .into_any()
}

/// The methods and the text.
fn editor(studio: Studio) -> AnyView {
    let files = studio.own.files;
    let methods = move || {
        files.methods.with(|methods| methods.iter().map(|it| (it.name.clone(), it.name.clone())).collect())
    };
    let about = move || {
        let name = files.method.get();
        let card =
            files.methods.with(|methods| methods.iter().find(|method| method.name == name).cloned())?;
        let line = |line: &str| view! { <li>{line.to_owned()}</li> };
        Some(
            view! {
                <p class="files-formula"><code>{card.formula.clone()}</code></p>
                <ul class="note files-parameters">{card.parameters.lines().map(line).collect_view()}</ul>
            }
            .into_any(),
        )
    };
    let typed = move |event: web_sys::Event| {
        let area = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlTextAreaElement>().ok());
        files.yaml.set(area.map(|area| area.value()).unwrap_or_default());
    };
    view! {
        <div class="files-editor">
            <div class="files-methods">
                {chooser("files-method", "Method", methods, files.method)}
                {live(about)}
                <button type="button" class="secondary" id="files-begin" on:click=move |_| studio.begin_chosen_file()>
                    "Write a new file with it"
                </button>
            </div>
            <div class="files-text">
                <label for="files-yaml">"The mergekit file"</label>
                <textarea
                    id="files-yaml" rows="16" spellcheck="false" autocomplete="off" autocapitalize="off" wrap="off"
                    prop:value=text(move || files.yaml.get()) on:input=typed
                ></textarea>
            </div>
        </div>
    }
    .into_any()
}

/// Why nothing is planned.
fn waiting(studio: Studio) -> &'static str {
    let files = studio.own.files;
    match (files.question.with(Option::is_some), files.planning.get()) {
        (_, true) => "Planning, from headers alone",
        (true, _) => "",
        _ if studio.is_looking() => "Reading headers",
        _ if shard_bytes(&files.shard.get()).is_none() => {
            "Give the largest file as a number of GB, such as 5."
        }
        _ => "A model is missing. Open the models that are merged.",
    }
}

fn label(plan: Option<&FilePlan>) -> String {
    let size = plan.map(|plan| format!(" {}", bytes(plan.bytes_written))).unwrap_or_default();
    format!("Merge into files…{size}")
}

/// Everything that stands in the way.
fn problems(list: &[String]) -> Option<AnyView> {
    (!list.is_empty()).then(|| {
        let row = |problem: &String| view! { <li class="fatal">{problem.clone()}</li> };
        view! {
            <h4>{plural(list.len(), "problem")}" to solve first"</h4>
            <ul class="own-mismatches" id="files-problems">{list.iter().map(row).collect_view()}</ul>
        }
        .into_any()
    })
}

fn summary(plan: &FilePlan) -> AnyView {
    let note = |note: &String| view! { <li>{note.clone()}</li> };
    view! {
        {facts(costs(plan, storage::has_picker()))}
        <ul class="own-mismatches">{plan.notes.iter().map(note).collect_view()}</ul>
    }
    .into_any()
}

/// What a plan says; in private storage where there is no picker.
fn costs(plan: &FilePlan, picks: bool) -> Vec<Fact> {
    let passes = match plan.passes {
        0 | 1 => "once".into(),
        2 => "twice".into(),
        more => format!("{more} times"),
    };
    let mut list = vec![
        ("Method", plan.method.clone()),
        ("Formula", plan.formula.clone()),
        (
            "Model",
            format!("{} parameters in {} tensors", parameters(plan.parameters), count(plan.tensors.into())),
        ),
        ("Reads", format!("{}, every input {passes}", bytes(plan.bytes_read))),
        (
            "Writes",
            format!("{} of weights in {}", bytes(plan.bytes_written), plural(plan.files.len(), "file")),
        ),
        ("Largest file", bytes(plan.files.iter().map(|file| file.1).max().unwrap_or_default())),
        ("Memory of the engine", format!("at most {} for the merge", bytes(plan.memory_bytes))),
        ("Time without the network", format!("about {}", seconds(plan.seconds.max(0.1)))),
    ];
    if plan.fetch_bytes > 0 {
        list.push(("Over the network", bytes(plan.fetch_bytes)));
    }
    if let Some(free) = plan.storage_free {
        let less = !picks && free < plan.bytes_written;
        let enough = if less { ", less than the files need: make room first" } else { "" };
        list.push(("Free browser storage", format!("{}{enough}", bytes(free))));
    }
    list.push((
        "Where to",
        match picks {
            true => "a folder that you choose next",
            false => "this browser’s storage, from where you download the files",
        }
        .into(),
    ));
    list
}

/// The last merge: its hash, its files and how fast it was.
fn outcome(studio: Studio, written: &Written) -> AnyView {
    let Written { hash, files, bytes_read, seconds: time, peak_bytes, private } = written;
    let size: u64 = files.iter().map(|file| file.1).sum();
    let pace = rate(bytes_read + size, *time);
    let list = vec![
        ("Read and written", format!("{} and {}", bytes(*bytes_read), bytes(size))),
        ("Time", format!("{}{pace}", seconds(*time))),
        ("Memory of the engine", format!("at most {}", bytes(*peak_bytes))),
    ];
    let private = *private;
    let row = move |(name, length): &(String, u64)| {
        let (own, label) = (name.clone(), format!("Download {name}"));
        let download = private.then(|| view! {
            <button type="button" class="quiet" aria-label=label on:click=move |_| studio.download_file(own.clone())>"Download"</button>
        });
        view! { <li data-file=name.clone()><code>{name.clone()}</code>" "{bytes(*length)}" "{download}</li> }
    };
    let (copied, whole) = (hash.clone(), hash.clone());
    let copy = move |_| {
        let hash = copied.clone();
        leptos::task::spawn_local(async move {
            match browser::copy(&hash).await {
                true => studio.say("The hash is copied."),
                false => studio.warn("The browser does not let this page copy."),
            }
        });
    };
    let forget = private.then(|| {
        view! {
            <button type="button" class="secondary" id="files-forget" on:click=move |_| studio.forget_files()>
                "Remove from this browser’s storage"
            </button>
        }
    });
    view! {
        <div class="own-weighed" id="files-written" tabindex="-1" data-hash=whole>
            <h4>"Merged"</h4>
            <p class="files-hash">
                <code>{hash.clone()}</code>" "
                <button type="button" class="quiet" id="files-copy" on:click=copy>"Copy hash"</button>
            </p>
            {facts(list)}
            <ul class="files-list">{files.iter().map(row).collect_view()}</ul>
            <p>{forget}</p>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> FilePlan {
        FilePlan {
            method: "ties".into(),
            formula: "f".into(),
            tensors: 1_272,
            parameters: 134_515_008,
            passes: 2,
            bytes_read: 4_000_000_000,
            bytes_written: 700_000_000,
            files: vec![("a".into(), 500_000_000), ("b".into(), 200_000_000)],
            memory_bytes: 50_000_000,
            fetch_bytes: 0,
            seconds: 12.0,
            storage_free: Some(1_000),
            notes: vec![],
        }
    }

    #[test]
    fn the_button_names_what_it_writes() {
        assert_eq!(label(Some(&plan())), "Merge into files… 700.0\u{202f}MB");
        assert_eq!(label(None), "Merge into files…");
    }

    #[test]
    fn a_plan_says_what_it_costs_and_whether_there_is_room() {
        let of = |picks, term| {
            costs(&plan(), picks)
                .into_iter()
                .find(|fact| fact.0 == term)
                .map(|fact| fact.1)
                .unwrap_or_default()
        };
        assert_eq!(of(true, "Model"), "134.5 million parameters in 1,272 tensors");
        assert_eq!(of(true, "Reads"), "4.00\u{202f}GB, every input twice");
        assert_eq!(of(true, "Writes"), "700.0\u{202f}MB of weights in 2 files");
        assert_eq!(of(true, "Largest file"), "500.0\u{202f}MB");
        assert_eq!(of(true, "Free browser storage"), "1.0\u{202f}kB");
        assert!(of(false, "Free browser storage").contains("make room"));
        assert!(of(true, "Over the network").is_empty());
    }
}
