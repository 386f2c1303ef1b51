//! Step 2: the tensor map, the ranking with its cut, and k₂.

use std::sync::Arc;

use leptos::prelude::*;
use maec_recipe::Select;

use super::detail::Detail;
use super::extract::{Equation, StepHead};
use super::live::{live, text};
use super::param::{Param, Range};
use super::ranking::RankingStrip;
use super::tensor_map::{Legend, TensorMapView};
use crate::browser;
use crate::format::number;
use crate::map::TensorMap;
use crate::math;
use crate::studio::{Force, Studio};

/// k₂ in per cent.
pub const K2: Range = Range { slider: (0.0, 100.0), field: (0.0, 100.0), step: 1.0 };

/// The scale's bound and the map's names, which several parts share.
#[derive(Clone, Copy)]
pub struct Shared {
    /// Colours are strongest at this |S|.
    pub bound: Memo<f64>,
    /// Names in the statistics' order.
    pub names: Memo<Vec<String>>,
    /// The tensor that is explained: under the pointer, else the one last focused.
    pub shown: Memo<Option<usize>>,
    /// Where the tensors stand.
    pub map: Memo<Arc<TensorMap>>,
    /// The one cell that the Tab key reaches: the focused tensor's, else the first.
    pub active: Memo<Option<usize>>,
}

impl Shared {
    /// For the open pack.
    pub fn new(studio: Studio) -> Self {
        let names = Memo::new(move |_| {
            studio.scores.with(|scores| scores.iter().map(|score| score.name.clone()).collect::<Vec<_>>())
        });
        let bound = Memo::new(move |_| {
            studio.scores.with(|scores| crate::scale::bound(scores.iter().map(|score| score.similarity)))
        });
        let map = Memo::new(move |_| {
            Arc::new(
                names.with(|names| TensorMap::new(&names.iter().map(String::as_str).collect::<Vec<_>>())),
            )
        });
        let focused = move || {
            let name = studio.focused.get()?;
            names.with(|names| names.iter().position(|other| *other == name))
        };
        let shown = Memo::new(move |_| studio.hovered.get().or_else(focused));
        let active = Memo::new(move |_| focused().or_else(|| map.with(|map| map.first())));
        Self { bound, names, shown, map, active }
    }
}

/// Eq. 4.
#[component]
pub fn SelectStep(shared: Shared) -> impl IntoView {
    let studio = Studio::current();
    let is_there = Memo::new(move |_| studio.scores.with(|scores| !scores.is_empty()));
    view! {
        <section class="card step step-select" aria-labelledby="step-2" aria-busy=text(move || studio.scoring.get().to_string())>
            <StepHead number=2 name="Select">
                "Where the ability changed a tensor in the languages' direction, the tensor carries language and is left \
                 out. The least similar ones take the ability."
            </StepHead>
            <Equation number=4 mathml=Signal::derive(move || studio.recipe.with(math::equation_4))/>
            {live(move || if is_there.get() {
                view! { <Map shared/> <Cut shared/> }.into_any()
            } else {
                view! { <p class="waiting" role="status">"Comparing tensors"</p> }.into_any()
            })}
        </section>
    }
}

/// How many tensors the ranking selects, and of how many.
fn chosen(studio: Studio) -> (usize, usize) {
    studio.ranking.with(|ranking| (ranking.count, ranking.len()))
}

/// The map with its head, legend and explanation.
#[component]
fn Map(shared: Shared) -> impl IntoView {
    let studio = Studio::current();
    let overrides = Memo::new(move |_| {
        studio.ranking.with(|ranking| ranking.forced.iter().filter(|forced| **forced != Force::No).count())
    });
    let undo = move |_| {
        studio.edit(|recipe| recipe.select = Select::default());
        if let Some(tensor) = shared.active.get_untracked() {
            browser::focus(&format!("cell-{tensor}"));
        }
    };
    let count = move || {
        let (count, all) = chosen(studio);
        let again = if studio.scoring.get() { ", comparing again" } else { "" };
        format!("{count} of {all} tensors selected{again}")
    };
    view! {
        <div class="map-head">
            <h3 id="map-title">"Tensor map"</h3>
            <p class="map-count" data-testid="selected-count" role="status">{text(count)}</p>
            // Its place is kept, so that the map does not move under the finger that chooses.
            <button
                type="button" class="quiet" data-testid="clear-overrides" on:click=undo
                style:visibility=text(move || if overrides.get() > 0 { "visible" } else { "hidden" })
            >
                {text(move || format!("Undo {} by hand", crate::format::plural(overrides.get(), "choice")))}
            </button>
        </div>
        <TensorMapView shared/>
        <Legend shared/>
        <Detail shared/>
    }
}

/// k₂ under the ranking that it cuts.
#[component]
fn Cut(shared: Shared) -> impl IntoView {
    let studio = Studio::current();
    let percent = Memo::new(move |_| studio.recipe.with(|recipe| (recipe.parameters.k2 * 1e4).round() / 1e2));
    let set = Callback::new(move |percent: f64| {
        studio.edit(|recipe| recipe.parameters.k2 = (percent * 1e2).round() / 1e4)
    });
    let spoken = Signal::derive(move || {
        let (count, all) = chosen(studio);
        format!("{} percent, {count} of {all} tensors selected", number(percent.get(), 1))
    });
    view! {
        <Param
            id="k2".into() symbol="<math><msub><mi>k</mi><mn>2</mn></msub></math>"
            words="Share of tensors that take the ability" range=K2 unit="%" value=percent set spoken
        >
            <RankingStrip shared/>
        </Param>
    }
}
