//! A look inside models: what is compared, the heat map, and one tensor with the filters that it suggests.

use std::sync::Arc;

use leptos::prelude::*;
use maec_protocol::{HeatMap, TensorLook};
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, KeyboardEvent};

use super::facts::facts;
use super::parts::{Choices, Names, chooser, number_field, runner};
use crate::components::input_of;
use crate::components::live::{live, text, when};
use crate::format::{bytes, plural, shape, title};
use crate::map::{column, layer_of, words};
use crate::studio::{AUTO, Found, Studio, bases};
use crate::{browser, html};

/// The panel.
pub fn inside(studio: Studio) -> AnyView {
    let inside = studio.own.inside;
    let chosen = Memo::new(move |_| studio.chosen_inside());
    let bases = move || {
        let fixed = [(AUTO, "the base of the merge"), ("none", "none: look at the values themselves")];
        let models = studio.own.entries.with(|entries| bases(entries));
        let models = models.into_iter().map(|(key, name)| (key.to_string(), title(&name)));
        fixed.map(|(code, words)| (code.into(), words.into())).into_iter().chain(models).collect()
    };
    let takes_part = move |(key, _, name, is_in): &(u32, u32, String, bool)| {
        let (key, is_in) = (*key, *is_in);
        let changed = move |event: Event| {
            let is_in = input_of(&event).is_some_and(|input| input.checked());
            inside.without.update(|without| {
                without.retain(|other| *other != key);
                if !is_in {
                    without.push(key);
                }
            });
        };
        view! {
            <label class="own-check">
                <input type="checkbox" data-key=key prop:checked=is_in on:change=changed/>
                {title(name)}
            </label>
        }
    };
    let button = move || {
        let words = move || {
            chosen.with(|chosen| match chosen.fetch {
                0 => format!("Look inside: read {}", bytes(chosen.bytes)),
                fetch => format!("Look inside: fetch {}, read {}", bytes(fetch), bytes(chosen.bytes)),
            })
        };
        let able = move || chosen.with(|chosen| chosen.models.iter().any(|model| model.3));
        view! {
            <button
                type="button" class="secondary" id="inside-look" disabled=live(move || !able())
                on:click=move |_| studio.look_inside()
            >
                {text(words)}
            </button>
        }
        .into_any()
    };
    let names =
        Names { name: "Looking inside", test: "inside-progress", go: "inside-look", stop: "inside-cancel" };
    view! {
        <h3 class="own-heading">"Look inside"</h3>
        <p class="note">"Where do models differ from their base, how much, and where do they disagree?"</p>
        <div class="inside-chosen">
            {chooser("inside-base", "Differences from", bases, inside.base)}
            <div class="own-options" id="inside-models" role="group" aria-label="Models to look into">
                {live(move || chosen.with(|chosen| chosen.models.iter().map(takes_part).collect_view().into_any()))}
            </div>
        </div>
        <div class="own-load">
            {runner(studio, inside.run, names, true, Studio::cancel_look, button)}
            <p class="error" role="alert" id="inside-note">{text(move || inside.note.get())}</p>
        </div>
        {live(move || inside.found.get().map(|found| shown(studio, found)))}
    }
    .into_any()
}

/// The choosers, the map and the chosen tensor.
fn shown(studio: Studio, found: Arc<Found>) -> AnyView {
    let inside = studio.own.inside;
    let values = |found: &Found, of: fn(&HeatMap) -> &String| -> Choices {
        let mut values: Choices = Vec::new();
        for value in found.maps.iter().map(of) {
            if !values.iter().any(|known| known.0 == *value) {
                values.push((value.clone(), title(value)));
            }
        }
        values
    };
    let metrics = values(&found, |map| &map.title);
    let models = values(&found, |map| &map.model);
    let several = models.len() > 1;
    let map = Memo::new(move |_| {
        inside.found.with(|found| {
            let map = found.as_ref()?.map(&inside.metric.get(), &inside.model.get())?;
            Some(Arc::new(map.clone()))
        })
    });
    let table = move || map.get().map(|map| html::heat(&map)).unwrap_or_default();
    let clicked = move |event: web_sys::MouseEvent| choose(studio, cell_of(&event));
    let pressed = move |event: KeyboardEvent| {
        let cell = cell_of(&event);
        match event.key().as_str() {
            "Enter" | " " => choose(studio, cell),
            key if step(key, cell) => {}
            _ => return,
        }
        event.prevent_default();
    };
    view! {
        <div class="inside-found" id="inside-found">
            <div class="inside-chosen">
                {chooser("inside-metric", "Show", move || metrics.clone(), inside.metric)}
                {several.then(|| chooser("inside-model", "Of", move || models.clone(), inside.model))}
            </div>
            <p class="note" id="inside-about">{text(move || map.get().map(|map| map.about.clone()).unwrap_or_default())}</p>
            <div class="scroll" role="region" tabindex="-1" aria-labelledby="inside-about">
                <table
                    class="heat" id="inside-map" role="grid" aria-describedby="inside-help" class:signed=live(move || map.get().is_some_and(|map| html::ends(&map).0 < 0.0))
                    inner_html=text(table) on:click=clicked on:keydown=pressed
                ></table>
            </div>
            <p class="legend inside-legend">
                <span>{text(move || map.get().map(|map| format!("least {}", html::value(html::ends(&map).0))).unwrap_or_default())}</span>
                <span class="legend-ramp" aria-hidden="true" class:signed=live(move || map.get().is_some_and(|map| html::ends(&map).0 < 0.0))></span>
                <span>{text(move || map.get().map(|map| format!("most {}", html::value(html::ends(&map).1))).unwrap_or_default())}</span>
            </p>
            <p class="note" id="inside-help">
                "Click a cell, or walk with the arrow keys and press Enter, to see its tensor and to set a filter for it."
            </p>
            {live(move || {
                let name = inside.tensor.get();
                let tensor = found.tensors.iter().find(|tensor| tensor.name == name)?;
                Some(detail(studio, tensor, &found))
            })}
        </div>
    }
    .into_any()
}

/// The cell that an event came from.
fn cell_of(event: &Event) -> Option<Element> {
    let target: Element = event.target()?.dyn_into().ok()?;
    target.closest("td[data-tensor]").ok()?
}

/// Explains a cell's tensor.
fn choose(studio: Studio, cell: Option<Element>) {
    let Some(cell) = cell else { return };
    reach(&cell.id());
    if let Some(tensor) = cell.get_attribute("data-tensor") {
        studio.own.inside.tensor.set(tensor);
    }
}

/// Makes one cell the one that the Tab key reaches.
fn reach(id: &str) {
    browser::set_attribute("#inside-map [tabindex='0']", "tabindex", "-1");
    browser::set_attribute(&format!("#{id}"), "tabindex", "0");
    browser::focus(id);
}

/// Goes from a cell to the next one that an arrow key, Home or End leads to; `false` for other keys.
fn step(key: &str, cell: Option<Element>) -> bool {
    let (down, right): (i32, i32) = match key {
        "ArrowUp" => (-1, 0),
        "ArrowDown" => (1, 0),
        "ArrowLeft" | "Home" => (0, -1),
        "ArrowRight" | "End" => (0, 1),
        _ => return false,
    };
    let id = cell.map(|cell| cell.id()).unwrap_or_default();
    let mut parts = id.rsplit('-').filter_map(|part| part.parse::<i32>().ok());
    let (Some(mut column), Some(mut row)) = (parts.next(), parts.next()) else { return false };
    let far = key == "Home" || key == "End";
    let mut next = None;
    // Over gaps, to the map's edge.
    for _ in 0..1_000 {
        (row, column) = (row + down, column + right);
        let here = [column, 0].map(|column| format!("heat-{row}-{column}"));
        // A tensor outside the layers is as wide as the map.
        let wide = down != 0 && browser::find(&format!("tr.outside #{}", here[1])).is_some();
        let there = if wide { &here[1] } else { &here[0] };
        if browser::exists(there) {
            next = Some(there.clone());
            if !far {
                break;
            }
        } else if row < 0 || column < 0 {
            break;
        }
    }
    if let Some(next) = next {
        reach(&next);
    }
    true
}

/// What was found in a tensor, and the filters that it suggests.
fn detail(studio: Studio, tensor: &TensorLook, found: &Found) -> AnyView {
    let list = vec![("Shape", shape(&tensor.shape)), ("Dtype", tensor.dtype.clone())];
    let heads = tensor.table.first().cloned().unwrap_or_default();
    // The models are the last columns; the base may be the first.
    let models =
        heads.get(heads.len().saturating_sub(tensor.histograms.len())..).unwrap_or_default().to_vec();
    let scroll = |rows: &[Vec<String>], label: &'static str| {
        let table = html::table(rows);
        view! {
            <div class="scroll" role="region" tabindex="0" aria-label=label>
                <table class="numbers" aria-label=label inner_html=table></table>
            </div>
        }
        .into_any()
    };
    let histogram = |(model, histogram): (&String, &maec_protocol::Magnitudes)| {
        let name = format!("Histogram of {model}: how many values are of which size");
        view! {
            <figure>
                <figcaption>{title(model)}</figcaption>
                <div class="bars-of-two" role="img" aria-label=name inner_html=html::bars(histogram)></div>
                <details class="note">
                    <summary>"As a table"</summary>
                    {scroll(&html::counts(histogram), "Values by size")}
                </details>
            </figure>
        }
    };
    let cosines = (models.len() > 1 && tensor.cosine.len() == models.len()).then(|| {
        let head =
            std::iter::once("Cosine".to_owned()).chain(models.iter().map(|model| title(model))).collect();
        let row = |(model, row): (&String, &Vec<f64>)| {
            std::iter::once(title(model)).chain(row.iter().map(|value| html::value(*value))).collect()
        };
        let rows: Vec<Vec<String>> =
            std::iter::once(head).chain(models.iter().zip(&tensor.cosine).map(row)).collect();
        scroll(&rows, "Cosines between the models")
    });
    view! {
        <div class="inside-tensor" id="inside-tensor">
            <h4>{words(&tensor.name)}" "<code>{tensor.name.clone()}</code></h4>
            {facts(list)}
            {filter(studio, &tensor.name, found)}
            {scroll(&tensor.table, "Statistics of the tensor")}
            {cosines}
            <p class="note">"Values by size, in powers of two: positive ones upwards, negative ones downwards."</p>
            <div class="inside-histograms">{models.iter().zip(&tensor.histograms).map(histogram).collect_view()}</div>
        </div>
    }
    .into_any()
}

/// Filters for a tensor, its kind and its layer, in the mergekit file or in the recipe.
fn filter(studio: Studio, tensor: &str, found: &Found) -> AnyView {
    let files = studio.own.files;
    let reaches = reaches(tensor);
    let reach = RwSignal::new(reaches[0].0.clone());
    let (parameter, value) = (RwSignal::new(String::from("weight")), RwSignal::new(String::from("0")));
    let names: Vec<String> = found.tensors.iter().map(|tensor| tensor.name.clone()).collect();
    let matched = move || {
        let reach = reach.get();
        let count = names.iter().filter(|name| name.contains(&reach)).count();
        format!("Matches {}, by names that contain {reach}", plural(count, "tensor"))
    };
    let parameters = move || {
        let card = files.named().unwrap_or_default();
        let name = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
        let names: Choices = card.parameters.lines().map(|line| (name(line), name(line))).collect();
        // The first one is chosen, where the method has not the one that was.
        let known = names.iter().any(|known| parameter.with_untracked(|now| known.0 == *now));
        if let Some(first) = names.first().filter(|_| !known) {
            parameter.set(first.0.clone());
        }
        names
    };
    let in_file = move || {
        let add = move |_| {
            if let Ok(value) = value.get_untracked().trim().parse() {
                studio.add_filter(reach.get_untracked(), parameter.get_untracked(), value);
            }
        };
        view! {
            {chooser("inside-parameter", "Parameter", parameters, parameter)}
            {number_field("inside-value", "Value", value, |typed| typed.trim().parse::<f64>().is_ok())}
            <button type="button" class="secondary" id="inside-add" on:click=add>"Add to the merge file"</button>
        }
        .into_any()
    };
    let in_recipe = move || {
        let force = move |(id, words, forced): (&'static str, &'static str, Option<bool>)| {
            let act = move |_| studio.force(&format!("*{}*", reach.get_untracked()), forced);
            view! { <button type="button" class="secondary" id=id on:click=act>{words}</button> }
        };
        let now = move || {
            let pattern = format!("*{}*", reach.get());
            let has = |list: &[String]| list.contains(&pattern);
            studio.own.recipe.with(|recipe| match recipe.as_ref().map(|(_, recipe)| &recipe.select) {
                Some(select) if has(&select.exclude) => "Kept out by hand.",
                Some(select) if has(&select.include) => "Put in by hand.",
                _ => "Eq. 4 chooses.",
            })
        };
        view! {
            <div class="own-buttons">
                {[
                    ("inside-in", "Put into the ability", Some(true)),
                    ("inside-out", "Keep out of the ability", Some(false)),
                    ("inside-free", "Leave to Eq. 4", None),
                ].map(force).collect_view()}
            </div>
            <p class="note" role="status" id="inside-forced">{text(now)}</p>
        }
        .into_any()
    };
    let by_file = Memo::new(move |_| studio.own.merges_by_file());
    view! {
        <div class="inside-filter">
            {chooser("inside-reach", "Filter", move || reaches.clone(), reach)}
            <p class="note" id="inside-matches">{text(matched)}</p>
            {when(move || by_file.get(), in_file)}
            {when(move || !by_file.get(), in_recipe)}
        </div>
    }
    .into_any()
}

/// What filters for a tensor can contain: its name, its kind in all layers, all of its layer.
fn reaches(tensor: &str) -> Choices {
    let mut list = vec![(tensor.to_owned(), String::from("this tensor"))];
    if let Some((layer, kind)) = layer_of(tensor) {
        let words = column(kind).words;
        list.push((format!(".{kind}"), format!("{words} in every layer")));
        list.push((format!("layers.{layer}."), format!("all of layer {layer}")));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_reaches_a_tensor_its_kind_or_its_layer() {
        let of = |name| reaches(name).into_iter().map(|reach| reach.0).collect::<Vec<_>>();
        assert_eq!(of("model.norm.weight"), ["model.norm.weight"]);
        let name = "model.layers.12.mlp.up_proj.weight";
        assert_eq!(of(name), [name, ".mlp.up_proj.weight", "layers.12."]);
        assert!(of(name).iter().all(|reach| name.contains(reach)));
        // The layer's dot keeps layer 1 apart from layer 12.
        assert!(!name.contains(&of("model.layers.1.mlp.up_proj.weight")[2]));
    }
}
