//! The results: a sentence, bars, the table that says the same, recorded sources and close calls.

use leptos::prelude::*;

use super::chart::{Chart, MetricToggle};
use super::hand_focus;
use super::live::{live, text, when};
use crate::format::{number, percent, perplexity};
use crate::results::{Row, accuracy, headline, rows};
use crate::studio::Studio;

/// The results' section.
#[component]
pub fn Results() -> impl IntoView {
    let studio = Studio::current();
    let rows = Memo::new(move |_| {
        studio.pack.with(|pack| {
            let recorded = pack.as_ref().map_or(&[][..], |pack| &pack.recorded);
            studio
                .outcome
                .with(|outcome| rows(outcome.as_ref().map_or(&[][..], |outcome| &outcome.results), recorded))
        })
    });
    let has_rows = Memo::new(move |_| rows.with(|rows| !rows.is_empty()));
    let is_stale = Memo::new(move |_| studio.is_stale());
    let sentence = move || {
        let (code, name) = studio.reference();
        rows.with(|rows| headline(rows, studio.metric.get(), &code, &name)).unwrap_or_else(|| {
            "Merge and evaluate to see how the base, the plain task vector and MAEC do in every language."
                .into()
        })
    };
    view! {
        <section
            class="card results" id="results" tabindex="-1" aria-labelledby="results-title" data-testid="results"
            data-state=text(move || match (studio.outcome.with(Option::is_some), is_stale.get()) {
                (false, _) => "empty",
                (true, true) => "stale",
                (true, false) => "fresh",
            })
        >
            <div class="section-head">
                <h2 id="results-title">"Results"</h2>
                {when(move || has_rows.get(), || view! { <MetricToggle/> }.into_any())}
            </div>
            <p class="headline" role="status">{text(sentence)}</p>
            {when(move || is_stale.get(), || view! { <Stale/> }.into_any())}
            {when(move || has_rows.get(), move || view! {
                <div class="results-body">
                    <div class="results-chart"><Chart rows/></div>
                    <div class="results-table">
                        <ResultsTable rows/>
                        {when(move || studio.outcome.with(Option::is_some), || view! { <TaskVectorNote/> }.into_any())}
                        <Sources rows/>
                        <CloseCalls rows/>
                    </div>
                </div>
            }.into_any())}
        </section>
    }
}

/// Says that the results are of earlier settings.
#[component]
fn Stale() -> impl IntoView {
    let studio = Studio::current();
    hand_focus("rerun", "results");
    view! {
        <p class="stale">
            "These are the results of earlier settings. "
            <button
                type="button" class="quiet" id="rerun" data-testid="rerun" disabled=live(move || studio.is_running())
                on:click=move |_| studio.merge_and_evaluate()
            >
                "Evaluate the present ones"
            </button>
        </p>
    }
}

#[component]
fn ResultsTable(rows: Memo<Vec<Row>>) -> impl IntoView {
    let studio = Studio::current();
    let languages =
        move || studio.pack.with(|pack| pack.as_ref().map_or(Vec::new(), |pack| pack.languages.clone()));
    let reference = studio.reference();
    let (code, name) = (StoredValue::new(reference.0), reference.1);
    let cells = move |row: &Row, perplexities: bool| {
        let cell = |language: &maec_protocol::Language| {
            match row.cell(&language.code) {
            None => view! { <td>"–"</td> }.into_any(),
            Some(cell) if perplexities => view! { <td data-value=cell.perplexity>{perplexity(cell.perplexity)}</td> }.into_any(),
            Some(cell) => view! {
                <td data-correct=cell.correct data-n=cell.n>
                    {percent(accuracy(cell), 1)}
                    <span class="interval">{format!("{:.0}–{:.0}, n {}", cell.low * 100.0, cell.high * 100.0, cell.n)}</span>
                </td>
            }
            .into_any(),
        }
        };
        let mean = code.with_value(|code| row.mean_elsewhere(code)).map_or("–".into(), |(share, value)| {
            if perplexities { perplexity(value) } else { percent(share, 1) }
        });
        let recorded = (!row.is_measured_here()).then(|| view! { <span class="tag">"recorded"</span> });
        let columns = languages().iter().map(cell).collect_view();
        view! {
            <tr class=row.kind.class() data-row=row.label.clone()>
                <th scope="row">{row.name().to_owned()}" "{recorded}</th>
                {columns}
                <td class="mean">{mean}</td>
            </tr>
        }
    };
    let body = move |title: &'static str, perplexities: bool| {
        view! {
            <tbody data-metric=if perplexities { "perplexity" } else { "accuracy" }>
                <tr class="group"><th scope="rowgroup" colspan="99">{title}</th></tr>
                {live(move || rows.with(|rows| rows.iter().map(|row| cells(row, perplexities)).collect_view().into_any()))}
            </tbody>
        }
    };
    view! {
        <div class="scroll" role="region" tabindex="0" aria-label="Results, as a table">
            <table class="numbers" data-testid="results-table">
                <caption class="visually-hidden">"Accuracy and perplexity of every model in every language"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Model"</th>
                        {live(move || languages().into_iter().map(|language| view! { <th scope="col">{language.name}</th> }).collect_view().into_any())}
                        <th scope="col" class="mean">"Mean without "{name}</th>
                    </tr>
                </thead>
                {body("Accuracy, with its 95 % interval and number of problems", false)}
                {body("Perplexity", true)}
            </table>
        </div>
    }
}

/// What the task vector's row is a merge of.
#[component]
fn TaskVectorNote() -> impl IntoView {
    let studio = Studio::current();
    let lambda = move || studio.pack.with(|pack| pack.as_ref().map_or(0.0, |pack| pack.lambda));
    view! {
        <p class="note" data-testid="task-vector">
            "Task vector = "
            <span inner_html=text(move || crate::math::task_vector(&studio.reference().0))></span>
            {text(move || format!(", with \u{3bb} = {}, this recipe’s \u{3bc} and the pack’s deltas.", number(lambda(), 4)))}
        </p>
    }
}

#[component]
fn Sources(rows: Memo<Vec<Row>>) -> impl IntoView {
    let studio = Studio::current();
    let source = |row: &Row| {
        let source = row.source.clone()?;
        Some(
            view! { <li><strong>{row.name().to_owned()}</strong>" was recorded by "<code>{source}</code></li> },
        )
    };
    live(move || {
        let items = rows.with(|rows| rows.iter().filter_map(source).collect::<Vec<_>>());
        (!items.is_empty()).then(|| {
            view! {
                {when(move || studio.outcome.with(Option::is_some), || view! {
                    <p class="note">"All other rows are computed in this tab from the pack's own bytes."</p>
                }.into_any())}
                <ul class="note sources" data-testid="sources">{items}</ul>
            }
            .into_any()
        })
    })
}

#[component]
fn CloseCalls(rows: Memo<Vec<Row>>) -> impl IntoView {
    let studio = Studio::current();
    let list = move || {
        rows.with(|rows| {
            let cells = rows
                .iter()
                .filter(|row| row.is_measured_here())
                .flat_map(|row| row.cells.iter().map(move |cell| (row, cell)));
            let close = cells.filter(|(_, cell)| !cell.close_calls.is_empty());
            close
                .map(|(row, cell)| (row.label.clone(), cell.language.clone(), cell.close_calls.clone()))
                .collect::<Vec<_>>()
        })
    };
    let item = move |(label, language, ids): (String, String, Vec<String>)| {
        view! { <li><strong>{label}", "{studio.language_name(&language)}</strong>": "{ids.join(", ")}</li> }
    };
    live(move || {
        let list = list();
        let count: usize = list.iter().map(|(_, _, ids)| ids.len()).sum();
        (count > 0).then(|| view! {
            <details class="note" data-testid="close-calls">
                <summary>{crate::format::plural(count, "close call")}</summary>
                <p>
                    "In these answers the two likeliest tokens were within 0.001 of each other at some step, so another \
                     machine may answer them differently."
                </p>
                <ul>{list.into_iter().map(item).collect_view()}</ul>
            </details>
        }.into_any())
    })
}
