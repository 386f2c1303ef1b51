//! The tensor map: a grid of layers and kinds, coloured by similarity, walked with the arrow keys.

use leptos::prelude::*;
use web_sys::{KeyboardEvent, MouseEvent};

use super::live::{live, text};
use super::select::Shared;
use crate::browser;
use crate::format::{number, similarity};
use crate::map::{Row, Step, TensorMap, words};
use crate::scale::strength;
use crate::studio::{Force, Studio, toggle};

/// Changes whether a tensor is in 𝒯, by hand.
pub fn toggle_tensor(studio: Studio, shared: Shared, tensor: usize) {
    let selected =
        studio.ranking.with_untracked(|ranking| ranking.selected.get(tensor).copied().unwrap_or(false));
    shared.names.with_untracked(|names| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        studio.edit(|recipe| recipe.select = toggle(&recipe.select, &names, tensor, selected));
    });
}

/// `in`, `out`, `put-in` or `kept-out`: the mark of a tensor.
pub fn mark(studio: Studio, tensor: usize) -> &'static str {
    studio.ranking.with(|ranking| match (ranking.forced.get(tensor), ranking.selected.get(tensor)) {
        (Some(Force::In), _) => "put-in",
        (Some(Force::Out), _) => "kept-out",
        (_, Some(true)) => "in",
        _ => "out",
    })
}

/// The grid.
#[component]
pub fn TensorMapView(shared: Shared) -> impl IntoView {
    let studio = Studio::current();
    let map = shared.map;
    let cell = Cell { studio, shared, column: StoredValue::new(0), was_shown: StoredValue::new(false) };
    let heads = move |map: &TensorMap| {
        let head = |column: &crate::map::Column| {
            view! { <span role="columnheader" title=column.words.clone()>{column.label.clone()}</span> }
        };
        map.columns.iter().map(head).collect_view()
    };
    let row = move |row: &Row, columns: usize| {
        match row {
        Row::Single { label, tensor } => view! {
            <div class="map-row" role="row">
                <span role="rowheader" class="visually-hidden">{label.clone()}</span>
                <span class="row-name" aria-hidden="true"></span>
                {cell.view(*tensor, columns, label.clone())}
            </div>
        }
        .into_any(),
        Row::Layer { layer, cells } => view! {
            <div class="map-row" role="row">
                <span role="rowheader" class="row-name"><span class="visually-hidden">"Layer "</span>{*layer}</span>
                {cells
                    .iter()
                    .map(|tensor| match tensor {
                        Some(tensor) => cell.view(*tensor, 1, String::new()),
                        None => view! { <span role="gridcell" class="cell gap"></span> }.into_any(),
                    })
                    .collect_view()}
            </div>
        }
        .into_any(),
    }
    };
    view! {
        <div
            class="map" role="grid" aria-labelledby="map-title" aria-describedby="map-help" data-testid="tensor-map"
            style:--columns=text(move || map.with(|map| map.columns.len().max(1).to_string()))
            on:pointerleave=move |_| studio.hovered.set(None)
        >
            {live(move || map.with(|map| {
                let columns = map.columns.len().max(1);
                view! {
                    <div class="map-row map-heads" role="row">
                        <span role="columnheader" class="row-name">"layer"</span>
                        {heads(map)}
                    </div>
                    {map.rows.iter().map(|each| row(each, columns)).collect_view()}
                }
                .into_any()
            }))}
        </div>
        <p id="map-help" class="visually-hidden">
            "Arrow keys move between tensors. Enter or Space puts a tensor in or keeps it out by hand, and takes that back."
        </p>
    }
}

#[derive(Clone, Copy)]
struct Cell {
    studio: Studio,
    shared: Shared,
    /// The column last visited.
    column: StoredValue<usize>,
    /// Whether the tensor was explained before it was touched.
    was_shown: StoredValue<bool>,
}

impl Cell {
    fn view(self, tensor: usize, span: usize, label: String) -> AnyView {
        let Self { studio, shared, .. } = self;
        let score = Memo::new(move |_| {
            studio.scores.with(|scores| scores.get(tensor).map_or(0.0, |score| score.similarity))
        });
        let spoken = move || {
            let name = shared.names.with(|names| words(&names[tensor]));
            let place = studio.ranking.with(|ranking| ranking.explain(tensor));
            format!("{name}. Similarity {}. {place}", similarity(score.get()))
        };
        let is_selected = move || studio.ranking.with(|ranking| ranking.selected.get(tensor) == Some(&true));
        let is_same = move || score.get() > 0.0;
        view! {
            <span
                role="gridcell"
                id=format!("cell-{tensor}")
                class="cell"
                class:same=live(is_same)
                class:shown=live(move || shared.shown.get() == Some(tensor))
                style:--strength=text(move || format!("{:.1}%", strength(score.get(), shared.bound.get())))
                style:grid-column=(span > 1).then(|| format!("span {span}"))
                data-mark=text(move || mark(studio, tensor))
                data-tensor=text(move || shared.names.with(|names| names[tensor].clone()))
                aria-colspan=(span > 1).then(|| span.to_string())
                aria-selected=text(move || is_selected().to_string())
                aria-label=text(spoken)
                tabindex=text(move || if shared.active.get() == Some(tensor) { "0" } else { "-1" })
                on:pointerenter=move |_| studio.hovered.set(Some(tensor))
                on:pointerdown=move |_| self.touched(tensor)
                on:focus=move |_| self.focused(tensor)
                on:click=move |event| self.clicked(tensor, &event)
                on:keydown=move |event| self.pressed(tensor, &event)
            >
                <span class="cell-label" aria-hidden="true">{label}</span>
                <span class="mark" aria-hidden="true"></span>
            </span>
        }
        .into_any()
    }

    fn focused(self, tensor: usize) {
        self.studio.hovered.set(None);
        if let Some(column) = self.shared.map.with_untracked(|map| map.column(tensor)) {
            self.column.set_value(column);
        }
        self.studio.focused.set(self.shared.names.with_untracked(|names| names.get(tensor).cloned()));
    }

    /// Before the click, and before the focus, which explains the tensor.
    fn touched(self, tensor: usize) {
        let was_shown = self.studio.focused.with_untracked(|focused| {
            self.shared.names.with_untracked(|names| names.get(tensor) == focused.as_ref())
        });
        self.was_shown.set_value(was_shown);
    }

    fn clicked(self, tensor: usize, event: &MouseEvent) {
        self.focused(tensor);
        browser::focus(&format!("cell-{tensor}"));
        // A finger cannot point without touching: its first touch explains, the second one chooses.
        if self.was_shown.get_value() || !browser::is_touch(event) {
            toggle_tensor(self.studio, self.shared, tensor);
        }
    }

    fn pressed(self, tensor: usize, event: &KeyboardEvent) {
        let step = match event.key().as_str() {
            "ArrowUp" => Step::Up,
            "ArrowDown" => Step::Down,
            "ArrowLeft" => Step::Left,
            "ArrowRight" => Step::Right,
            "Home" => Step::RowStart,
            "End" => Step::RowEnd,
            "Enter" | " " => {
                event.prevent_default();
                return toggle_tensor(self.studio, self.shared, tensor);
            }
            _ => return,
        };
        event.prevent_default();
        let next = self.shared.map.with_untracked(|map| map.step(tensor, self.column.get_value(), step));
        browser::focus(&format!("cell-{next}"));
    }
}

/// What colours and marks mean.
#[component]
pub fn Legend(shared: Shared) -> impl IntoView {
    let end = move |sign: &str| format!("{sign}{}", number(shared.bound.get(), 3));
    view! {
        <div class="legend" aria-label="Legend" role="group">
            <div class="legend-scale">
                <span class="legend-words">"other direction"</span>
                <span class="legend-number">{text(move || end("\u{2212}"))}</span>
                <span class="legend-ramp" aria-hidden="true"></span>
                <span class="legend-number">{text(move || end("+"))}</span>
                <span class="legend-words">"same direction"</span>
            </div>
            <ul class="legend-marks">
                {[("in", "selected"), ("out", "left out"), ("put-in", "put in by hand"), ("kept-out", "kept out by hand")]
                    .map(|(mark, words)| view! {
                        <li><span class="cell swatch" data-mark=mark aria-hidden="true"><span class="mark"></span></span>{words}</li>
                    })
                    .collect_view()}
            </ul>
        </div>
    }
}
