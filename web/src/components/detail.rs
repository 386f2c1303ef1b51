//! The explanation of one tensor.

use leptos::prelude::*;

use super::live::{live, text};
use super::select::Shared;
use super::tensor_map::{mark, toggle_tensor};
use crate::format::{count, norm, percent, shape, similarity};
use crate::map::words;
use crate::studio::Studio;

/// Explains the tensor under the pointer or the keyboard's focus.
#[component]
pub fn Detail(shared: Shared) -> impl IntoView {
    let studio = Studio::current();
    let explained = move |tensor: usize| {
        let score = studio.scores.with(|scores| scores.get(tensor).cloned())?;
        let size: u64 = score.shape.iter().product();
        let changed = format!("{} of {}", count(score.ability_nonzero), count(size));
        let share = percent(score.ability_nonzero as f64 / size.max(1) as f64, 1);
        let place = studio.ranking.with(|ranking| ranking.explain(tensor));
        let facts = [
            ("Shape", shape(&score.shape)),
            ("Similarity S", similarity(score.similarity)),
            ("‖R(A)‖", norm(score.ability_norm)),
            ("‖R<sub>Lang</sub>‖", norm(score.language_norm)),
            ("‖τ<sub>o</sub>‖", norm(score.base_norm)),
        ];
        let action = move || match mark(studio, tensor) {
            "in" => "Keep out by hand",
            "out" => "Put in by hand",
            _ => "Leave to Eq. 4",
        };
        Some(view! {
            <div class="detail-name">
                <strong>{words(&score.name)}</strong>
                <code>{score.name.clone()}</code>
            </div>
            <p class="detail-place" data-testid="detail-place">{place}</p>
            <dl class="facts">
                {facts.map(|(name, value)| view! { <div><dt inner_html=name></dt><dd>{value}</dd></div> }).collect_view()}
                <div><dt>"Ability changed"</dt><dd title=changed>{share}</dd></div>
            </dl>
            <button
                type="button" class="quiet" data-testid="toggle-tensor"
                on:click=move |_| toggle_tensor(studio, shared, tensor)
            >
                {text(action)}
            </button>
        })
    };
    view! {
        <div class="detail" data-testid="tensor-detail">
            {live(move || match shared.shown.get().and_then(explained) {
                Some(view) => view.into_any(),
                None => view! {
                    <p class="detail-empty">
                        "Point at or touch a tensor, or walk the map with the arrow keys, to see what it is and why it is in or out."
                    </p>
                }
                .into_any(),
            })}
        </div>
    }
}
