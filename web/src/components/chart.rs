//! The results as bars: one group a language, one bar a model, on one axis.

use leptos::prelude::*;
use maec_recipe::ResultsMetric;

use super::live::{live, text};
use super::segments::{Segments, code};
use crate::format::{number, percent};
use crate::results::{Bar, Group, Row, bar_svg, bars};
use crate::studio::Studio;

/// The bars of the metric that is looked at.
#[component]
pub fn Chart(rows: Memo<Vec<Row>>) -> impl IntoView {
    let studio = Studio::current();
    let bar = |bar: Bar, ticks: &[f64]| {
        let svg = bar_svg(&bar, ticks);
        view! {
            <div class=format!("bar-row {}", bar.kind.class())>
                <span class="bar-label" title=bar.name>{bar.label}</span>
                <svg class="track" aria-hidden="true" inner_html=svg></svg>
                <span class="bar-value">{bar.value}</span>
            </div>
        }
    };
    let group = move |group: Group, ticks: &[f64]| {
        view! {
            <section class="bar-group">
                <h3>{group.name}</h3>
                {group.bars.into_iter().map(|each| bar(each, ticks)).collect_view()}
            </section>
        }
    };
    let chart = move || {
        let metric = studio.metric.get();
        let (axis, groups) =
            studio.pack.with(|pack| pack.as_ref().map(|pack| rows.with(|rows| bars(rows, pack, metric))))?;
        let places: Vec<f64> = axis.ticks.iter().map(|&tick| axis.at(tick)).collect();
        let tick = |(&value, &place): (&f64, &f64)| {
            let label = if metric == ResultsMetric::Accuracy { percent(value, 0) } else { number(value, 0) };
            view! { <span style:left=format!("{place:.2}%")>{label}</span> }
        };
        Some(
            view! {
            <div class="bars" data-testid="bars">
                {groups.into_iter().map(|each| group(each, &places)).collect_view()}
                <div class="axis" aria-hidden="true">{axis.ticks.iter().zip(&places).map(tick).collect_view()}</div>
            </div>
            }
            .into_any(),
        )
    };
    view! {
        <Patterns/>
        {live(chart)}
        <p class="chart-note">
            {text(move || match studio.metric.get() {
                ResultsMetric::Accuracy => "Share of test problems answered right; whiskers are 95 % intervals. More is better.",
                ResultsMetric::Perplexity => "Perplexity on held-out text, on a logarithmic scale from 1. Less is better.",
            })}
        </p>
    }
}

/// The hatching that tells the task vector's bars apart without colour.
#[component]
fn Patterns() -> impl IntoView {
    view! {
        <svg class="visually-hidden" aria-hidden="true" inner_html="<defs><pattern id=\"hatch\" width=\"5\" height=\"5\" \
            patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect width=\"5\" height=\"5\" class=\"hatch-ground\"/>\
            <rect width=\"2\" height=\"5\" class=\"hatch-line\"/></pattern></defs>"></svg>
    }
}

/// Accuracy or perplexity.
#[component]
pub fn MetricToggle() -> impl IntoView {
    let studio = Studio::current();
    let chosen = code(move || match studio.metric.get() {
        ResultsMetric::Accuracy => "accuracy".into(),
        ResultsMetric::Perplexity => "perplexity".into(),
    });
    let choose = Callback::new(move |value: String| {
        studio.metric.set(if value == "perplexity" {
            ResultsMetric::Perplexity
        } else {
            ResultsMetric::Accuracy
        });
    });
    let choices = [("accuracy", "Accuracy"), ("perplexity", "Perplexity")]
        .map(|(value, label)| (value.into(), label.into()));
    view! { <Segments name="metric" legend="Bars show" quiet=true choices=choices.to_vec() chosen choose/> }
}
