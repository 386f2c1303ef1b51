//! Step 1: what the ability changed, what the languages changed; and the presets above the steps.

use leptos::prelude::*;
use maec_recipe::{Parameters, Recipe};

use super::live::{live, text};
use super::param::{Param, Range};
use crate::math;
use crate::studio::Studio;

/// The range of a factor.
pub const FACTOR: Range =
    Range { slider: (0.0, 2.0), field: (-Recipe::MAX_MAGNITUDE, Recipe::MAX_MAGNITUDE), step: 0.05 };

/// A recipe's scalar as a signal.
pub fn scalar(studio: Studio, get: fn(&Parameters) -> f64) -> Signal<f64> {
    Memo::new(move |_| studio.recipe.with(|recipe| get(&recipe.parameters))).into()
}

/// Sets a recipe's scalar.
pub fn set_scalar(studio: Studio, set: fn(&mut Parameters, f64)) -> Callback<f64> {
    Callback::new(move |value| studio.edit(|recipe| set(&mut recipe.parameters, value)))
}

/// A step's head: its number, its name and what it is for.
#[component]
pub fn StepHead(number: u8, name: &'static str, children: Children) -> impl IntoView {
    view! {
        <header class="step-head">
            <h2 id=format!("step-{number}")>
                <span class="step-number" aria-hidden="true">{number}</span>
                <span class="visually-hidden">"Step "{number}": "</span>
                {name}
            </h2>
            <p>{children()}</p>
        </header>
    }
}

/// An equation with the current numbers.
#[component]
pub fn Equation(number: u8, #[prop(into)] mathml: Signal<String>) -> impl IntoView {
    view! {
        <div class="equation" data-testid=format!("equation-{number}")>
            <span class="formula" inner_html=text(move || mathml.get())></span>
            <span class="equation-number">"Eq. "{number}</span>
        </div>
    }
}

/// α, β and μ, with Eq. 2 and 3.
#[component]
pub fn Extract() -> impl IntoView {
    let studio = Studio::current();
    let (code, name) = untrack(|| studio.reference());
    let names = Memo::new(move |_| {
        studio
            .recipe
            .with(|recipe| recipe.languages.iter().map(|language| language.name.clone()).collect::<Vec<_>>())
    });
    let weight = move |index: usize, code: String| {
        let value = Memo::new(move |_| {
            studio.recipe.with(|recipe| recipe.languages.get(index).map_or(0.0, |language| language.weight))
        });
        let set = Callback::new(move |value| {
            studio.edit(|recipe| {
                if let Some(language) = recipe.languages.get_mut(index) {
                    language.weight = value;
                }
            });
        });
        let words = studio.language_name(&code);
        view! { <Param id=format!("mu-{code}") symbol=math::mu(&code) words range=Range { step: 0.01, ..FACTOR } value set/> }
    };
    view! {
        <section class="card step step-extract" aria-labelledby="step-1">
            <StepHead number=1 name="Extract">
                "Subtract the base from each trained model. What remains is what the training taught."
            </StepHead>
            <fieldset>
                <legend>"The ability"</legend>
                <Equation number=2 mathml=Signal::derive(move || studio.recipe.with(|r| math::equation_2(r, &code)))/>
                <Param
                    id="alpha".into() symbol="<math><mi>α</mi></math>" words=format!("Ability, learned in {name}") range=FACTOR
                    value=scalar(studio, |p| p.alpha) set=set_scalar(studio, |p, v| p.alpha = v)
                />
                <Param
                    id="beta".into() symbol="<math><mi>β</mi></math>" words=format!("{name} alone, taken out") range=FACTOR
                    value=scalar(studio, |p| p.beta) set=set_scalar(studio, |p, v| p.beta = v)
                />
            </fieldset>
            <fieldset>
                <legend>"The languages"</legend>
                <Equation number=3 mathml=Signal::derive(move || studio.recipe.with(math::equation_3))/>
                {live(move || names.get().into_iter().enumerate().map(|(index, code)| weight(index, code)).collect_view().into_any())}
            </fieldset>
        </section>
    }
}

/// A named recipe, made from the pack's.
type Preset = (&'static str, &'static str, &'static str, fn(&mut Recipe));

const PRESETS: [Preset; 3] = [
    ("default", "Default", "The pack's own recipe", |_| ()),
    ("all-tensors", "No tensor selection", "k₂ = 100 %: every tensor takes the ability", |recipe| {
        recipe.parameters.k2 = 1.0
    }),
    ("language-only", "Languages only", "γ = 0: no tensor takes the ability", |recipe| {
        recipe.parameters.gamma = 0.0
    }),
];

/// Recipes to start from.
#[component]
pub fn Presets() -> impl IntoView {
    let studio = Studio::current();
    let made = move |change: fn(&mut Recipe)| {
        studio.pack.with(|pack| {
            let mut recipe = pack.as_ref()?.recipe.clone();
            change(&mut recipe);
            Some(recipe)
        })
    };
    let button = move |(id, name, title, change): Preset| {
        let is_on = Memo::new(move |_| {
            made(change).is_some_and(|preset| studio.recipe.with(|recipe| *recipe == preset))
        });
        let apply = move |_| {
            if let Some(recipe) = untrack(|| made(change)) {
                studio.set_recipe(recipe);
            }
        };
        view! {
            <button
                type="button" class="chip" title=title data-testid=format!("preset-{id}")
                aria-pressed=text(move || is_on.get().to_string()) on:click=apply
            >
                {name}
            </button>
        }
    };
    view! {
        <div class="presets" role="group" aria-label="Presets">
            <span class="presets-label" aria-hidden="true">"Start from"</span>
            {PRESETS.map(button).collect_view()}
            <button type="button" class="quiet" data-testid="reset" on:click=move |_| studio.reset()>"Reset everything"</button>
        </div>
    }
}
