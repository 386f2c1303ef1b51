//! The recipe of one's own merge: whether to merge at all, and the recipe's numbers.

use leptos::prelude::*;
use maec_recipe::{MergeMethod, Parameters, Recipe};

use crate::components::extract::FACTOR;
use crate::components::input_of;
use crate::components::live::{live, when};
use crate::components::param::{Param, Range};
use crate::components::select::K2;
use crate::math;
use crate::studio::Studio;

/// What of a recipe a control shows and sets.
type Number = (fn(&Parameters) -> f64, fn(&mut Parameters, f64));

/// A parameter's id, symbol, words and number.
type Control = (&'static str, &'static str, &'static str, Number);

const MAEC: [Control; 4] = [
    ("alpha", "α", "Ability", (|p| p.alpha, |p, v| p.alpha = v)),
    ("beta", "β", "Reference, taken out", (|p| p.beta, |p, v| p.beta = v)),
    ("gamma", "γ", "Strength of the ability", (|p| p.gamma, |p, v| p.gamma = v)),
    ("eta", "η", "Languages, where selected", (|p| p.eta, |p, v| p.eta = v)),
];

const TASK_VECTOR: [Control; 1] =
    [("lambda", "λ", "Strength of all differences", (|p| p.lambda, |p, v| p.lambda = v))];

/// There is a recipe: the switch and the controls.
#[component]
pub fn Merge() -> impl IntoView {
    let studio = Studio::current();
    let own = studio.own;
    let whose = Memo::new(move |_| own.recipe.with(|recipe| recipe.as_ref().map(|recipe| recipe.0)));
    live(move || {
        whose.get().map(|_| {
            let set = move |event: web_sys::Event| {
                own.merge.set(input_of(&event).is_some_and(|input| input.checked()));
            };
            view! {
                <h3 class="own-heading">"Merge"</h3>
                <label class="own-check">
                    <input type="checkbox" id="own-merge" prop:checked=live(move || own.merge.get()) on:change=set/>
                    "Merge by the recipe while loading; else the base runs as it is"
                </label>
                {when(move || own.merge.get(), move || controls(studio))}
            }
            .into_any()
        })
    })
}

/// Reads the recipe, of which there is one.
fn read<T: Default>(studio: Studio, get: impl FnOnce(&Recipe) -> T) -> T {
    studio.own.recipe.with(|recipe| recipe.as_ref().map(|(_, recipe)| get(recipe)).unwrap_or_default())
}

fn edit(studio: Studio, change: impl FnOnce(&mut Recipe)) {
    studio.own.recipe.update(|recipe| {
        if let Some((_, recipe)) = recipe {
            change(recipe);
        }
    });
}

/// One control. All of them are made here, since each call of a component is code of its own.
fn control(
    studio: Studio,
    id: String,
    symbol: String,
    words: String,
    percent: bool,
    get: impl Fn(&Recipe) -> f64 + Copy + Send + Sync + 'static,
    set: impl Fn(&mut Recipe, f64) + Copy + Send + Sync + 'static,
) -> AnyView {
    let scale = if percent { 100.0 } else { 1.0 };
    let value: Signal<f64> = Memo::new(move |_| (read(studio, get) * scale * 1e4).round() / 1e4).into();
    let set = Callback::new(move |value: f64| edit(studio, |recipe| set(recipe, value / scale)));
    plain(id, symbol, words, percent, value, set)
}

fn plain(
    id: String,
    symbol: String,
    words: String,
    percent: bool,
    value: Signal<f64>,
    set: Callback<f64>,
) -> AnyView {
    let (range, unit) = if percent { (K2, "%") } else { (Range { slider: (0.0, 3.0), ..FACTOR }, "") };
    view! { <Param id symbol words range unit value set/> }.into_any()
}

fn controls(studio: Studio) -> AnyView {
    let maec = move || read(studio, |recipe| recipe.merge_method == MergeMethod::Maec);
    let languages = move || {
        read(studio, |recipe| {
            recipe.languages.iter().map(|language| language.name.clone()).collect::<Vec<_>>()
        })
    };
    let shape = Memo::new(move |_| (maec(), languages()));
    let one = move |(id, symbol, words, (get, set)): Control| {
        let symbol = format!("<math><mi>{symbol}</mi></math>");
        control(
            studio,
            format!("own-{id}"),
            symbol,
            words.into(),
            false,
            move |recipe| get(&recipe.parameters),
            move |recipe, value| set(&mut recipe.parameters, value),
        )
    };
    let weight = move |(index, name): (usize, String)| {
        control(
            studio,
            format!("own-mu-{index}"),
            math::mu(&name),
            format!("Weight of {name}"),
            false,
            move |recipe| recipe.languages.get(index).map_or(0.0, |language| language.weight),
            move |recipe, value| {
                if let Some(language) = recipe.languages.get_mut(index) {
                    language.weight = value;
                }
            },
        )
    };
    let make = move || {
        let (maec, languages) = shape.get();
        let mut all: Vec<AnyView> = match maec {
            true => MAEC.into_iter().map(one).collect(),
            false => TASK_VECTOR.into_iter().map(one).collect(),
        };
        if maec {
            all.push(control(
                studio,
                "own-k2".into(),
                "<math><msub><mi>k</mi><mn>2</mn></msub></math>".into(),
                "Share of tensors that take the ability".into(),
                true,
                |recipe| recipe.parameters.k2,
                |recipe, value| recipe.parameters.k2 = value,
            ));
        }
        all.extend(languages.into_iter().enumerate().map(weight));
        all.into_any()
    };
    view! { <div class="own-params">{live(make)}</div> }.into_any()
}
