//! Before loading: what does not fit, what it costs, and the button that moves what is large.

use leptos::prelude::*;
use maec_protocol::{Cost, ItemKind, Mismatch};

use super::facts::{Fact, facts, obstacle};
use super::parts::{Names, runner};
use crate::components::live::{live, text};
use crate::format::{bytes, plural, seconds, title};
use crate::studio::{Loaded, Studio, Weighed};

/// The panel.
#[component]
pub fn Load() -> impl IntoView {
    let studio = Studio::current();
    let own = studio.own;
    let said = move || {
        own.weighed.with(|weighed| match weighed {
            Some(Ok(weighed)) => Some(summary(weighed)),
            Some(Err(sentence)) => Some(obstacle(sentence.clone())),
            None => None,
        })
    };
    // What the engine answered is about what is there now, and nothing stands in the way.
    let ready = Memo::new(move |_| {
        own.weighed.with(|weighed| match weighed {
            Some(Ok(weighed)) => {
                weighed.obstacle().is_none()
                    && own.question.with(|now| now.as_ref() == Some(&weighed.question))
            }
            _ => false,
        })
    });
    let is_loaded = Memo::new(move |_| {
        own.loaded.with(|loaded| {
            own.question
                .with(|now| loaded.as_ref().is_some_and(|loaded| now.as_ref() == Some(&loaded.question)))
        })
    });
    let names = Names { name: "Loading", test: "own-progress", go: "own-load", stop: "own-cancel" };
    let label = move || {
        own.weighed.with(|weighed| match weighed {
            Some(Ok(weighed)) => button(weighed, is_loaded.get()),
            _ => "Load".into(),
        })
    };
    view! {
        <h3 class="own-heading">"Before loading"</h3>
        <p class="note" role="status" id="own-wait">{text(move || waiting(studio))}</p>
        <div class="own-weighed" id="own-weighed" aria-busy=text(move || own.weighing.get().to_string())>{live(said)}</div>
        <div class="own-load">
            {runner(studio, own.loading, names, true, Studio::cancel_load, move || view! {
                <button
                    type="button" class="primary" id="own-load" disabled=live(move || !ready.get())
                    on:click=move |_| studio.load_own()
                >
                    {text(label)}
                </button>
            }.into_any())}
            <p class="error" role="alert" id="own-load-note">{text(move || own.load_note.get())}</p>
            <p id="own-loaded" data-state=text(move || state(studio, is_loaded.get()))>
                {live(move || own.loaded.with(|loaded| loaded.as_ref().map(sentence)))}
                {text(move || if state(studio, is_loaded.get()) == "stale" { " You have changed something since: load again to use it." } else { "" })}
            </p>
        </div>
    }
}

fn state(studio: Studio, is_loaded: bool) -> &'static str {
    match (studio.own.loaded.with(Option::is_some), is_loaded) {
        (false, _) => "empty",
        (true, true) => "fresh",
        (true, false) => "stale",
    }
}

/// Why there is nothing to weigh yet.
fn waiting(studio: Studio) -> &'static str {
    let own = studio.own;
    if own.weighing.get() {
        return "Comparing and weighing";
    }
    if own.question.with(Option::is_some) {
        let merges =
            own.question.with(|question| question.as_ref().is_some_and(|question| question.recipe.is_some()));
        let has_recipe = own.recipe.with(Option::is_some);
        let deltas = own.entries.with(|entries| {
            entries
                .iter()
                .filter_map(|entry| entry.item.as_ref())
                .any(|item| matches!(item.kind, ItemKind::Delta(_)))
        });
        return match deltas && !merges && !has_recipe {
            true => {
                "Deltas are merged by a recipe, and none is open: the base would run as it is. Open a recipe to merge."
            }
            false => "",
        };
    }
    let looking =
        own.entries.with(|entries| entries.iter().any(|entry| entry.look == crate::studio::Look::Going));
    match looking {
        true => "Reading headers",
        false => "A base is missing. Open the model or the pack that the others belong to.",
    }
}

fn button(weighed: &Weighed, is_loaded: bool) -> String {
    let merges = weighed.question.recipe.is_some();
    let mut words = match weighed.cost.fetch_bytes {
        0 => String::new(),
        to_fetch => format!("fetch {}, ", bytes(to_fetch)),
    };
    words.push_str(if merges { "merge and load" } else { "load" });
    if is_loaded {
        words.push_str(" again");
    }
    // "Fetch 270 MB and load" where there are two steps, with a comma where there are three.
    if !merges {
        words = words.replacen(", ", " and ", 1);
    }
    words[..1].to_ascii_uppercase() + &words[1..]
}

fn summary(weighed: &Weighed) -> AnyView {
    let merges = weighed.question.recipe.is_some();
    let list = (!weighed.mismatches.is_empty()).then(|| {
        let row = |mismatch: &Mismatch| {
            let stops = mismatch.fatal && merges;
            let mark = if stops { "Stops the merge: " } else { "Worth knowing: " };
            view! {
                <li class:fatal=stops data-fatal=mismatch.fatal.to_string()>
                    <strong>{mark}{title(&mismatch.item)}</strong>{mismatch.what.clone()}
                    <span class="own-fix">{mismatch.fix.clone()}</span>
                </li>
            }
        };
        let head = plural(weighed.mismatches.len(), "difference");
        view! {
            <h4>{head}" from the base"</h4>
            <ul class="own-mismatches" id="own-mismatches">{weighed.mismatches.iter().map(row).collect_view()}</ul>
        }
    });
    view! { {list} {facts(costs(&weighed.cost))} {weighed.obstacle().map(obstacle)} }.into_any()
}

fn costs(cost: &Cost) -> Vec<Fact> {
    let fetch = match (cost.fetch_bytes, cost.cached_bytes) {
        (0, 0) => "nothing".into(),
        (0, cached) => format!("nothing: all {} are in this browser’s storage", bytes(cached)),
        (fetch, 0) => bytes(fetch),
        (fetch, cached) => format!("{}, and {} are here already", bytes(fetch), bytes(cached)),
    };
    let mut list = vec![
        ("Over the network", fetch),
        ("Memory for weights", bytes(cost.device_bytes)),
        ("Memory for the longest text", bytes(cost.cache_bytes)),
        ("Time without the network", format!("about {}", seconds(cost.seconds.max(0.1)))),
    ];
    if let Some(free) = cost.storage_free {
        list.push(("Free browser storage", bytes(free)));
    }
    list
}

fn sentence(loaded: &Loaded) -> String {
    let merged = match loaded.merged_tensors {
        0 => String::new(),
        tensors => format!(", with {} merged", plural(tensors as usize, "tensor")),
    };
    format!(
        "Loaded {}{merged}: {} of weights, in {}.",
        title(&loaded.title),
        bytes(loaded.device_bytes),
        seconds(loaded.seconds)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::Question;

    fn weighed(fetch: u64, cached: u64, merges: bool, fatal: bool) -> Weighed {
        let mismatch = Mismatch { item: "es".into(), what: "w".into(), fix: "f".into(), fatal };
        Weighed {
            question: Question { items: vec![1], recipe: merges.then(crate::studio::tests::recipe) },
            mismatches: vec![mismatch],
            cost: Cost {
                fetch_bytes: fetch,
                cached_bytes: cached,
                device_bytes: 10,
                cache_bytes: 1,
                seconds: 2.0,
                storage_free: None,
                obstacle: None,
            },
        }
    }

    #[test]
    fn the_button_says_what_moves() {
        let of = |fetch, cached, merges| button(&weighed(fetch, cached, merges, false), false);
        assert_eq!(of(270_000_000, 0, false), "Fetch 270.0\u{202f}MB and load");
        assert_eq!(of(70_000_000, 200_000_000, true), "Fetch 70.0\u{202f}MB, merge and load");
        assert_eq!(of(0, 5, true), "Merge and load");
        assert_eq!(button(&weighed(0, 0, false, false), true), "Load again");
    }

    #[test]
    fn a_fatal_mismatch_stops_a_merge_and_nothing_else() {
        assert!(weighed(0, 0, true, true).obstacle().is_some());
        assert_eq!(weighed(0, 0, false, true).obstacle(), None);
        assert_eq!(weighed(0, 0, true, false).obstacle(), None);
    }

    #[test]
    fn what_the_cache_holds_is_not_fetched() {
        let of = |fetch, cached| costs(&weighed(fetch, cached, false, false).cost)[0].1.clone();
        assert_eq!(of(0, 0), "nothing");
        assert_eq!(of(1_500, 500), "1.5\u{202f}kB, and 500\u{202f}B are here already");
        assert!(of(0, 2_000).starts_with("nothing: all 2.0"));
    }
}
