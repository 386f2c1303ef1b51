//! The tensor map's twin: the same numbers as a table that sorts.

use leptos::prelude::*;
use maec_protocol::TensorScore;

use super::live::{live, text, when};
use super::select::Shared;
use super::tensor_map::mark;
use crate::format::{norm, percent, shape, similarity};
use crate::order::order;
use crate::studio::Studio;

/// A column that the table sorts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Rank,
    Name,
    Similarity,
    Ability,
    Language,
    Base,
    Changed,
}

const COLUMNS: [(Key, &str); 7] = [
    (Key::Rank, "Rank"),
    (Key::Name, "Tensor"),
    (Key::Similarity, "S"),
    (Key::Ability, "‖R(A)‖"),
    (Key::Language, "‖R Lang‖"),
    (Key::Base, "‖τo‖"),
    (Key::Changed, "Ability changed"),
];

fn changed(score: &TensorScore) -> f64 {
    score.ability_nonzero as f64 / score.shape.iter().product::<u64>().max(1) as f64
}

/// Indices in the order of a column; ties by name.
fn sorted(scores: &[TensorScore], ranks: &[usize], key: Key, descending: bool) -> Vec<usize> {
    order(scores.len(), &|a, b| {
        let (left, right) = (&scores[a], &scores[b]);
        let number = |value: fn(&TensorScore) -> f64| value(left).total_cmp(&value(right));
        let by_column = match key {
            Key::Rank => ranks[a].cmp(&ranks[b]),
            Key::Name => left.name.cmp(&right.name),
            Key::Similarity => number(|score| score.similarity),
            Key::Ability => number(|score| score.ability_norm),
            Key::Language => number(|score| score.language_norm),
            Key::Base => number(|score| score.base_norm),
            Key::Changed => number(changed),
        };
        let by_column = if descending { by_column.reverse() } else { by_column };
        by_column.then_with(|| left.name.cmp(&right.name))
    })
}

/// The table, made when it is opened.
#[component]
pub fn TensorTable(shared: Shared) -> impl IntoView {
    let studio = Studio::current();
    let is_open = RwSignal::new(false);
    let sort = RwSignal::new((Key::Rank, false));
    let head = move |(key, name): (Key, &'static str)| {
        let turn =
            move |_| sort.update(|(by, descending)| (*by, *descending) = (key, *by == key && !*descending));
        let direction = move || match sort.get() {
            (by, _) if by != key => "none",
            (_, true) => "descending",
            (_, false) => "ascending",
        };
        view! {
            <th scope="col" aria-sort=text(direction)>
                <button type="button" on:click=turn>{name}<span class="sort" aria-hidden="true"></span></button>
            </th>
        }
    };
    let row = move |tensor: usize, score: &TensorScore, rank: usize| {
        let words = match mark(studio, tensor) {
            "in" => "selected",
            "out" => "left out",
            "put-in" => "put in by hand",
            _ => "kept out by hand",
        };
        view! {
            <tr data-mark=mark(studio, tensor)>
                <td>{rank}</td>
                <th scope="row"><code>{score.name.clone()}</code><span class="shape">{shape(&score.shape)}</span></th>
                <td>{similarity(score.similarity)}</td>
                <td>{norm(score.ability_norm)}</td>
                <td>{norm(score.language_norm)}</td>
                <td>{norm(score.base_norm)}</td>
                <td>{percent(changed(score), 1)}</td>
                <td class="state">{words}</td>
            </tr>
        }
    };
    let rows = move || {
        let (key, descending) = sort.get();
        studio.scores.with(|scores| {
            studio.ranking.with(|ranking| {
                let order = sorted(scores, &ranking.ranks, key, descending);
                order
                    .into_iter()
                    .map(|tensor| row(tensor, &scores[tensor], ranking.ranks[tensor]))
                    .collect_view()
                    .into_any()
            })
        })
    };
    let toggled = move |event: web_sys::Event| is_open.set(crate::browser::is_open(&event));
    view! {
        <details class="twin" data-testid="tensor-table" on:toggle=toggled>
            <summary>"Show the tensors as a table"</summary>
            {when(move || is_open.get(), move || view! {
                <div class="scroll" role="region" tabindex="0" aria-label="Tensors, as a table">
                    <table class="tensors">
                        <caption class="visually-hidden">
                            {text(move || format!("All {} tensors with their similarity, norms and place", shared.names.with(Vec::len)))}
                        </caption>
                        <thead><tr>{COLUMNS.map(head).collect_view()}<th scope="col">"𝒯"</th></tr></thead>
                        <tbody>{live(rows)}</tbody>
                    </table>
                </div>
            }.into_any())}
        </details>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(name: &str, similarity: f64, ability_nonzero: u64) -> TensorScore {
        TensorScore {
            name: name.into(),
            shape: vec![2, 5],
            similarity,
            ability_norm: 1.0,
            language_norm: 1.0,
            base_norm: 1.0,
            ability_nonzero,
        }
    }

    #[test]
    fn columns_sort_both_ways_and_ties_go_by_name() {
        let scores = [score("b", 0.1, 2), score("a", 0.3, 2), score("c", -0.2, 9)];
        let ranks = [2, 1, 3];
        assert_eq!(sorted(&scores, &ranks, Key::Rank, false), [1, 0, 2]);
        assert_eq!(sorted(&scores, &ranks, Key::Similarity, false), [2, 0, 1]);
        assert_eq!(sorted(&scores, &ranks, Key::Changed, true), [2, 1, 0]);
        assert_eq!(sorted(&scores, &ranks, Key::Base, true), [1, 0, 2]);
    }
}
