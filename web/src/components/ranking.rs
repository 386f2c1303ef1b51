//! The ranking as a strip of bars, least similar first, with the cut at k₂.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::live::{live, text};
use super::select::Shared;
use crate::scale::span;
use crate::studio::Studio;

/// Bars for every tensor from the ranking's end to its start; those left of the cut are Eq. 4's choice.
#[component]
pub fn RankingStrip(shared: Shared) -> impl IntoView {
    let studio = Studio::current();
    let svg = move || {
        studio.ranking.with(|ranking| {
            studio.scores.with(|scores| {
                let ends = span(scores.iter().map(|score| score.similarity));
                let ascending = ranking.order.iter().rev();
                let bars = ascending.enumerate().map(|(place, &tensor)| {
                    bar(place, ranking.len(), scores[tensor].similarity, ends, ranking.selected[tensor])
                });
                bars.collect::<String>()
            })
        })
    };
    let zero = move || {
        studio
            .scores
            .with(|scores| format!("{:.2}%", depth(0.0, span(scores.iter().map(|score| score.similarity)))))
    };
    let cut = move || studio.ranking.with(|ranking| format!("{:.3}%", share(ranking.cut, ranking.len())));
    let here = move || {
        let tensor = shared.shown.get()?;
        studio.ranking.with(|ranking| {
            let place = ranking.len().checked_sub(*ranking.ranks.get(tensor)?)?;
            Some(format!("{:.3}%", (place as f64 + 0.5) * 100.0 / ranking.len() as f64))
        })
    };
    let point = move |event: web_sys::PointerEvent| {
        let width = event
            .current_target()
            .and_then(|target| target.dyn_into::<web_sys::HtmlElement>().ok())
            .map_or(0, |e| e.client_width());
        let tensor = studio.ranking.with_untracked(|ranking| {
            let place =
                (f64::from(event.offset_x()) / f64::from(width.max(1)) * ranking.len() as f64) as usize;
            ranking.order.iter().rev().nth(place).copied()
        });
        studio.hovered.set(tensor);
    };
    let summary = move || {
        studio.ranking.with(|ranking| {
            format!(
                "Ranking of {} tensors from the least to the most similar; the cut is after the first {}.",
                ranking.len(),
                ranking.cut
            )
        })
    };
    view! {
        <div
            class="strip" role="img" aria-label=text(summary) data-testid="ranking"
            on:pointermove=point on:pointerleave=move |_| studio.hovered.set(None)
        >
            <span class="strip-chosen" style:width=text(cut)></span>
            <svg aria-hidden="true" inner_html=text(svg)></svg>
            <span class="strip-zero" style:top=text(zero)></span>
            <span class="strip-cut" style:left=text(cut)></span>
            <span class="strip-here" style:left=text(move || here().unwrap_or_default()) hidden=live(move || shared.shown.get().is_none())></span>
        </div>
        <div class="strip-ends" aria-hidden="true">
            <span>"least similar"</span>
            <span>"most similar"</span>
        </div>
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

/// How far down, in per cent of the strip, a similarity lies between the ends of all.
fn depth(similarity: f64, ends: (f64, f64)) -> f64 {
    const MARGIN: f64 = 9.0;
    MARGIN + (ends.1 - similarity) / (ends.1 - ends.0) * (100.0 - 2.0 * MARGIN)
}

/// One bar, up from the zero line for a positive similarity and down for a negative one.
fn bar(place: usize, of: usize, similarity: f64, ends: (f64, f64), selected: bool) -> String {
    let (x, width) = (share(place, of), share(1, of));
    let (zero, tip) = (depth(0.0, ends), depth(similarity, ends));
    let side = if similarity > 0.0 { "same" } else { "other" };
    let state = if selected { "in" } else { "out" };
    format!(
        "<rect class=\"{side} {state}\" x=\"{:.3}%\" y=\"{:.2}%\" width=\"{:.3}%\" height=\"{:.2}%\"/>",
        x + width * 0.12,
        zero.min(tip),
        width * 0.76,
        (zero - tip).abs().max(0.8),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_on_the_zero_line() {
        let ends = (-0.25, 0.75);
        let up = bar(0, 4, 0.75, ends, true);
        assert!(
            up.contains("same in") && up.contains("y=\"9.00%\"") && up.contains("height=\"61.50%\""),
            "{up}"
        );
        let down = bar(3, 4, -0.25, ends, false);
        assert!(
            down.contains("other out") && down.contains("y=\"70.50%\"") && down.contains("height=\"20.50%\""),
            "{down}"
        );
        assert!(down.contains("x=\"78.000%\""), "{down}");
    }

    #[test]
    fn a_share_of_nothing_is_nothing() {
        assert_eq!(share(0, 0), 0.0);
        assert_eq!(share(30, 40), 75.0);
    }
}
