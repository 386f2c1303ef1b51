//! One number of the recipe: a slider and a field that say the same.

use leptos::prelude::*;

use super::input_of;
use super::live::{live, text};
use crate::format::number;

/// What a control may hold.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// The slider's ends.
    pub slider: (f64, f64),
    /// The field's ends, which may be wider.
    pub field: (f64, f64),
    /// One step of either.
    pub step: f64,
}

impl Range {
    /// Reads what was typed; the error says what may be.
    fn read(self, typed: &str) -> Result<f64, String> {
        let (low, high) = self.field;
        match typed.trim().replace(',', ".").parse::<f64>() {
            Ok(value) if (low..=high).contains(&value) => Ok(rounded(value)),
            _ => Err(format!("Give a number from {} to {}.", number(low, 2), number(high, 2))),
        }
    }
}

/// To the four decimals that fields and equations show, so that what is shown is what is merged.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// A labelled slider with its number field. `symbol` is MathML, inserted as it is: what comes from a link is escaped
/// before.
#[component]
pub fn Param(
    /// Stem of ids and test ids: `alpha`.
    id: String,
    #[prop(into)] symbol: String,
    #[prop(into)] words: String,
    range: Range,
    /// `%` or nothing.
    #[prop(optional)]
    unit: &'static str,
    #[prop(into)] value: Signal<f64>,
    set: Callback<f64>,
    /// Read with the slider's value by screen readers.
    #[prop(optional, into)]
    spoken: Option<Signal<String>>,
    /// Stands between the label and the slider.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let error = RwSignal::new(None::<String>);
    // A value that came from elsewhere makes an old complaint void.
    Effect::new(move |_| {
        value.track();
        error.set(None);
    });
    let typed = move |event: web_sys::Event| {
        let Some(input) = input_of(&event) else { return };
        match range.read(&input.value()) {
            Ok(number) => {
                error.set(None);
                set.run(number);
                // What was rounded to the value that is set already would go on standing there.
                input.set_value(&rounded(value.get_untracked()).to_string());
            }
            Err(sentence) => error.set(Some(sentence)),
        }
    };
    let moved = move |event: web_sys::Event| {
        if let Some(Ok(number)) = input_of(&event).map(|input| input.value().parse()) {
            set.run(number);
        }
    };
    let (low, high) = range.slider;
    let fill = move || format!("{:.2}%", ((value.get() - low) / (high - low)).clamp(0.0, 1.0) * 100.0);
    let field = format!("{id}-field");
    let error_id = format!("{id}-error");
    let description = error_id.clone();
    let label = words.clone();
    view! {
        <div class="param">
            <label for=field.clone()>
                <span class="symbol" inner_html=symbol></span>
                <span class="words">{words}</span>
            </label>
            <span class="field">
                <input
                    type="number"
                    id=field.clone()
                    data-testid=field
                    min=range.field.0
                    max=range.field.1
                    step=range.step
                    prop:value=text(move || rounded(value.get()).to_string())
                    aria-invalid=text(move || error.with(Option::is_some).to_string())
                    aria-describedby=description
                    on:change=typed
                />
                {(!unit.is_empty()).then(|| view! { <span class="unit" aria-hidden="true">{unit}</span> })}
            </span>
            {children.map(|children| children())}
            <input
                type="range"
                data-testid=format!("{id}-slider")
                min=low
                max=high
                step=range.step
                style:--fill=text(fill)
                prop:value=text(move || value.get().to_string())
                aria-label=label
                aria-valuetext=live(move || spoken.map(|spoken| spoken.get()))
                on:input=moved
            />
            <p class="error" id=error_id role="alert">{text(move || error.get().unwrap_or_default())}</p>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K2: Range = Range { slider: (0.0, 100.0), field: (0.0, 100.0), step: 1.0 };

    #[test]
    fn typed_numbers_are_taken_with_either_decimal_mark() {
        assert_eq!(K2.read("80"), Ok(80.0));
        assert_eq!(K2.read(" 62,5 "), Ok(62.5));
        assert_eq!(K2.read("0.123456"), Ok(0.1235));
    }

    #[test]
    fn what_is_out_of_range_or_no_number_is_refused_with_the_range() {
        for typed in ["140", "-1", "", "ten", "NaN", "inf"] {
            assert_eq!(K2.read(typed), Err("Give a number from 0 to 100.".into()), "{typed}");
        }
    }
}
