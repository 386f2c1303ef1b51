//! The header: name, places on the page, the engine and the two ways to take the experiment along.

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use maec_protocol::Backend;
use maec_recipe::Tab;

use super::live::{live, text};
use super::segments::{Segments, code};
use super::theme::ThemeToggle;
use super::{own, tuning};
use crate::engine::EngineKind;
use crate::format::scientific;
use crate::studio::{EngineState, Studio, section};

/// The page's banner.
#[component]
pub fn Header() -> impl IntoView {
    let studio = Studio::current();
    let closed = move || studio.pack.with(Option::is_none);
    let place = move |(id, tab, label): (&'static str, Option<Tab>, &'static str)| {
        let go = move |event: web_sys::MouseEvent| {
            super::jump(&event, id);
            studio.go_to(id);
            // A link knows the demo's sections alone.
            if let Some(tab) = tab {
                studio.tab.set(tab);
            }
        };
        let current = live(move || (studio.here.get() == id).then(|| "true".to_owned()));
        view! { <a href=format!("#{id}") aria-current=current on:click=go>{label}</a> }
    };
    let tab = |tab, label| (section(tab), Some(tab), label);
    let places = [
        tab(Tab::Tensors, "Tensors"),
        tab(Tab::Results, "Results"),
        tab(Tab::Try, "Try it"),
        (tuning::SECTION, None, "Tuning"),
        (own::SECTION, None, "Your own"),
    ];
    let ids = places.map(|place| place.0);
    Effect::new(move |_| {
        // The sections come with the pack.
        if !closed() {
            spawn_local(async move {
                TimeoutFuture::new(0).await;
                studio.follow_scrolling(ids);
            });
        }
    });
    view! {
        <header class="banner">
            <div class="brand">
                <Mark/>
                <div>
                    <strong>"MAEC Studio"</strong>
                    <span class="tagline">"Merge the abilities of small language models in a browser tab."</span>
                </div>
            </div>
            <nav aria-label="On this page">
                {places.map(place).collect_view()}
            </nav>
            <div class="tools">
                <EngineChip/>
                <ThemeToggle/>
                <button type="button" class="tool" data-testid="share" disabled=live(closed) on:click=move |_| studio.share()>"Share"</button>
                <button
                    type="button" class="tool" data-testid="export"
                    disabled=live(move || closed() || studio.exporting.get()) on:click=move |_| studio.export()
                >
                    {text(move || if studio.exporting.get() { "Exporting" } else { "Export" })}
                </button>
            </div>
            <EnginePanel/>
        </header>
    }
}

/// The mark: a small map with its selected tensors.
#[component]
fn Mark() -> impl IntoView {
    view! {
        <svg class="logo" viewBox="0 0 24 24" width="28" height="28" aria-hidden="true" inner_html="\
            <rect x='1' y='1' width='6' height='6' rx='1.6' class='a'/><rect x='9' y='1' width='6' height='6' rx='1.6' class='b'/>\
            <rect x='17' y='1' width='6' height='6' rx='1.6' class='a'/><rect x='1' y='9' width='6' height='6' rx='1.6' class='b'/>\
            <rect x='9' y='9' width='6' height='6' rx='1.6' class='a'/><rect x='17' y='9' width='6' height='6' rx='1.6' class='c'/>\
            <rect x='1' y='17' width='6' height='6' rx='1.6' class='a'/><rect x='9' y='17' width='6' height='6' rx='1.6' class='c'/>\
            <rect x='17' y='17' width='6' height='6' rx='1.6' class='c'/>"></svg>
    }
}

#[component]
fn EngineChip() -> impl IntoView {
    let studio = Studio::current();
    let name = move || if studio.engine_kind.get() == EngineKind::Gpu { "GPU" } else { "CPU" };
    let state = move || match studio.engine_state.get() {
        EngineState::Starting => "starting",
        EngineState::Ready(_) => "ready",
        EngineState::Broken(_) => "broken",
    };
    view! {
        <button
            type="button" class="tool engine" popovertarget="engine-panel" data-testid="engine-chip"
            data-state=text(state) title=text(move || studio.engine_why.get())
        >
            <span class="dot" aria-hidden="true"></span>
            <span class="visually-hidden">"Engine: "</span>
            {text(name)}
            <span class="visually-hidden">", "{text(state)}</span>
        </button>
    }
}

/// What the engine runs on, why, and the switch.
#[component]
fn EnginePanel() -> impl IntoView {
    let studio = Studio::current();
    let device = move || match studio.engine_state.get() {
        EngineState::Starting => "Starting".to_owned(),
        EngineState::Ready(backend) => backend.device.clone(),
        EngineState::Broken(sentence) => sentence,
    };
    let kind_of = |value: &str| if value == "gpu" { EngineKind::Gpu } else { EngineKind::Cpu };
    let chosen = code(move || studio.engine_kind.get().code().into());
    let choose = Callback::new(move |value: String| studio.switch_engine(kind_of(&value)));
    let refused =
        Callback::new(move |value: String| kind_of(&value) == EngineKind::Gpu && !studio.gpu_offered());
    let choices =
        [("cpu", "CPU"), ("gpu", "GPU")].map(|(value, label)| (value.into(), label.into())).to_vec();
    let checks = move || match studio.engine_state.get() {
        EngineState::Ready(backend) if !backend.checks.is_empty() => {
            Some(view! { <Checks backend=(*backend).clone()/> }.into_any())
        }
        _ => None,
    };
    let unavailable = move || {
        let sentence = studio.gpu.with(|gpu| gpu.as_ref().map(|gpu| gpu.sentence())).unwrap_or_default();
        (!studio.gpu_offered()).then_some(sentence).filter(|sentence| *sentence != studio.engine_why.get())
    };
    view! {
        <div class="panel" id="engine-panel" popover="auto" role="dialog" aria-label="Engine" data-testid="engine-panel">
            <h2>"Engine"</h2>
            <p class="panel-device" data-testid="engine-device">{text(device)}</p>
            <p data-testid="engine-why">{text(move || studio.engine_why.get())}</p>
            <Segments name="engine" legend="Compute on" choices chosen choose refused/>
            <p class="note">{text(move || unavailable().unwrap_or_default())}</p>
            <p class="note">"Hashes and exports come from the CPU on either engine, so they are the same everywhere."</p>
            {live(checks)}
        </div>
    }
}

#[component]
fn Checks(backend: Backend) -> impl IntoView {
    let row = |check: maec_protocol::KernelCheck| {
        view! {
            <tr>
                <th scope="row">{check.kernel}</th>
                <td data-value=check.max_difference>{scientific(check.max_difference)}</td>
                <td data-value=check.tolerance>{scientific(check.tolerance)}</td>
            </tr>
        }
    };
    view! {
        <details data-testid="kernel-checks">
            <summary>{format!("{} kernels agree with the CPU", backend.checks.len())}</summary>
            <table class="numbers">
                <thead><tr><th scope="col">"Kernel"</th><th scope="col">"Difference"</th><th scope="col">"Allowed"</th></tr></thead>
                <tbody>{backend.checks.into_iter().map(row).collect_view()}</tbody>
            </table>
        </details>
    }
}
