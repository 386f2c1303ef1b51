//! A search in this tab: ranges, how candidates are drawn, and the button that begins it.

use leptos::prelude::*;
use maec_recipe::Recipe;

use crate::components::live::{live, text, when};
use crate::components::own::parts::{Names, number_field, runner};
use crate::components::segments::{Segments, code};
use crate::format::{count, plural};
use crate::studio::{Studio, Wanted};
use crate::tuning::{Axis, MOST_CANDIDATES, Search, Space, Values, meaning};

/// A hyper-parameter's two fields, and what stands in them at first: what suits the workshop's small models. Of α, β and γ
/// two are free, since γ·R(A) = γα(…) − γβ(…), so α stays at 1. k₂ is in per cent.
const FIELDS: [(Axis, &str, &str, &str, &str); 6] = [
    (Axis::Alpha, "tuning-alpha-low", "tuning-alpha-high", "1", "1"),
    (Axis::Beta, "tuning-beta-low", "tuning-beta-high", "0", "1"),
    (Axis::Gamma, "tuning-gamma-low", "tuning-gamma-high", "0.2", "2"),
    (Axis::Eta, "tuning-eta-low", "tuning-eta-high", "0.5", "1.5"),
    (Axis::Mu, "tuning-mu-low", "tuning-mu-high", "0", "1"),
    (Axis::K2, "tuning-k2-low", "tuning-k2-high", "30", "100"),
];

/// The form, or why there is none.
pub fn search(studio: Studio) -> AnyView {
    let pack = studio.pack.get_untracked();
    let Some(pack) = pack.filter(|pack| pack.validation_per_language > 0) else {
        return view! {
            <div class="tuning-search">
                <h3>"Search here"</h3>
                <p class="note" id="tuning-none">
                    "This pack has no validation problems, and a search on test problems would flatter its results. Open a pack \
                     made with some ("<code>"maec pack --validation"</code>")."
                </p>
            </div>
        }
        .into_any();
    };
    let ends = FIELDS.map(|(.., low, high)| [low, high].map(|value| RwSignal::new(String::from(value))));
    let way = RwSignal::new(String::from("random"));
    let [candidates, per, seed, limit] =
        ["12", "2", "1", "1.1"].map(|value| RwSignal::new(String::from(value)));
    let wanted = Memo::new(move |_| {
        let texts = ends.map(|pair| pair.map(|end| end.get()));
        let (candidates, per, seed) = (candidates.get(), per.get(), seed.get());
        let draw = match way.get().as_str() {
            "grid" => Typed::Grid(&per),
            _ => Typed::Random(&candidates, &seed),
        };
        wanted(&texts, draw, &limit.get())
    });
    let range = move |index: usize| {
        let (axis, low, high, ..) = FIELDS[index];
        let unit = if axis == Axis::K2 { ", %" } else { "" };
        view! {
            <div class="tuning-range" role="group" aria-label=format!("{} {}", axis.symbol(), meaning(axis))>
                <span class="tuning-axis"><span class="symbol">{axis.symbol()}</span>{meaning(axis)}{unit}</span>
                {number_field(low, "from", ends[index][0], is_number)}
                {number_field(high, "to", ends[index][1], is_number)}
            </div>
        }
    };
    let asked = (
        pack.languages.len() as u32 * pack.validation_per_language,
        pack.languages.len() as u32 * pack.texts_per_language,
    );
    let said = move || match wanted.get() {
        Ok(wanted) => format!(
            "{}, each asked {} validation problems and read {} texts.",
            plural(wanted.search.trials(&wanted.space), "candidate"),
            count(u64::from(asked.0)),
            count(u64::from(asked.1)),
        ),
        Err(sentence) => sentence,
    };
    let choices =
        [("random", "Random draws"), ("grid", "Grid")].map(|(value, label)| (value.into(), label.into()));
    let chosen = code(move || way.get());
    let choose = Callback::new(move |value: String| way.set(value));
    let names = Names { name: "Search", test: "tuning-progress", go: "tuning-go", stop: "tuning-cancel" };
    let button = move || {
        view! {
            <button type="submit" class="primary" id="tuning-go" disabled=live(move || wanted.with(Result::is_err))>"Search"</button>
        }
        .into_any()
    };
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if let Ok(wanted) = wanted.get_untracked() {
            studio.search(wanted);
        }
    };
    view! {
        <form class="tuning-search" on:submit=submit novalidate>
            <h3>"Search here"</h3>
            <div class="tuning-ranges">{(0..FIELDS.len()).map(range).collect_view()}</div>
            <div class="tuning-draw">
                <Segments name="tuning-way" legend="Candidates" choices=choices.to_vec() chosen choose/>
                {when(move || way.with(|way| way == "random"), move || view! {
                    {number_field("tuning-candidates", "Draws", candidates, is_count)}
                    {number_field("tuning-seed", "Seed", seed, is_seed)}
                }.into_any())}
                {when(move || way.with(|way| way == "grid"), move || number_field("tuning-per", "Values of each", per, is_count))}
                {number_field("tuning-limit", "Limit, × base", limit, is_positive)}
            </div>
            <p class="note" role="status" id="tuning-said">{text(said)}</p>
            {runner(studio, studio.tune.run, names, false, Studio::cancel_search, button)}
        </form>
    }
    .into_any()
}

/// What is typed of how candidates are drawn.
#[derive(Clone, Copy)]
enum Typed<'a> {
    /// Values of each range.
    Grid(&'a str),
    /// Draws and seed.
    Random(&'a str, &'a str),
}

fn number(typed: &str) -> Option<f64> {
    typed.trim().replace(',', ".").parse().ok().filter(|value: &f64| value.abs() <= Recipe::MAX_MAGNITUDE)
}

fn is_number(typed: &str) -> bool {
    number(typed).is_some()
}

fn is_positive(typed: &str) -> bool {
    number(typed).is_some_and(|value| value > 0.0)
}

fn is_seed(typed: &str) -> bool {
    // What JSON keeps exactly everywhere.
    typed.trim().parse::<u64>().is_ok_and(|seed| seed < 1 << 53)
}

fn is_count(typed: &str) -> bool {
    typed.trim().parse::<usize>().is_ok_and(|count| (1..=MOST_CANDIDATES).contains(&count))
}

/// Reads the form; the error says what is missing.
fn wanted(ends: &[[String; 2]; 6], draw: Typed<'_>, limit: &str) -> Result<Wanted, String> {
    let mut space = Space::default();
    for ((axis, ..), [low, high]) in FIELDS.iter().zip(ends) {
        let symbol = axis.symbol();
        let (Some(low), Some(high)) = (number(low), number(high)) else {
            return Err(format!("Give two numbers for {symbol}."));
        };
        let scale = if *axis == Axis::K2 { 100.0 } else { 1.0 };
        if *axis == Axis::K2 && !(low >= 0.0 && high <= 100.0) {
            return Err(format!("Give {symbol} from 0 to 100 %."));
        }
        if low > high {
            return Err(format!("Give the lower end of {symbol} first."));
        }
        space = space.with(*axis, Values::between(low / scale, high / scale));
    }
    if space.free().is_empty() {
        return Err("Give one parameter a range.".into());
    }
    let whole = |typed: &str| typed.trim().parse::<usize>().ok().filter(|_| is_count(typed));
    // A grid's seed decides nothing.
    let (search, seed) = match draw {
        Typed::Grid(per) => (whole(per).filter(|per| *per > 1).map(|per| Search::Grid { per }), 0),
        Typed::Random(_, seed) if !is_seed(seed) => return Err("Give a whole number as the seed.".into()),
        Typed::Random(trials, seed) => {
            (whole(trials).map(|trials| Search::Random { trials }), seed.trim().parse().unwrap_or_default())
        }
    };
    let search = search.ok_or(format!(
        "Give a whole number of candidates, {MOST_CANDIDATES} at most, or 2 values of each range."
    ))?;
    let candidates = search.trials(&space);
    if candidates > MOST_CANDIDATES {
        return Err(format!(
            "A grid of {} candidates is the companion’s work (maec tune). Give fewer values, or fix a parameter.",
            count(candidates as u64)
        ));
    }
    match number(limit).filter(|limit| *limit > 0.0) {
        Some(limit) => Ok(Wanted { space, search, seed, limit }),
        None => Err("Give the limit on perplexity as a number above 0, such as 1.1.".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::Method;

    fn ends() -> [[String; 2]; 6] {
        FIELDS.map(|(.., low, high)| [low.into(), high.into()])
    }

    #[test]
    fn the_form_begins_with_a_search_that_can_run() {
        let wanted = wanted(&ends(), Typed::Random("12", "1"), "1.1").unwrap();
        assert_eq!((wanted.search, wanted.seed, wanted.limit), (Search::Random { trials: 12 }, 1, 1.1));
        assert_eq!(wanted.space, Space::of(Method::Maec), "the companion's own");
    }

    #[test]
    fn what_is_typed_wrong_is_said_in_a_sentence() {
        let with = |index: usize, low: &str, high: &str| {
            let mut ends = ends();
            ends[index] = [low.into(), high.into()];
            wanted(&ends, Typed::Random("12", "1"), "1.1").map(|_| ())
        };
        let err = |sentence: &str| Err(sentence.to_owned());
        assert_eq!(with(1, "a", "1"), err("Give two numbers for β."));
        assert_eq!(with(1, "1", "1e9"), err("Give two numbers for β."));
        assert_eq!(with(2, "2", "1"), err("Give the lower end of γ first."));
        assert_eq!(with(5, "30", "101"), err("Give k₂ from 0 to 100 %."));
        assert_eq!(with(1, "0,25", "0,5"), Ok(()));
        let fixed = [const { [String::new(), String::new()] }; 6].map(|_| ["1".into(), "1".into()]);
        assert!(wanted(&fixed, Typed::Grid("2"), "1.1").unwrap_err().contains("a range"));
        let of = |draw| wanted(&ends(), draw, "1.1").map(|wanted| wanted.search);
        assert_eq!(of(Typed::Grid("3")), Ok(Search::Grid { per: 3 }), "243 candidates");
        assert!(of(Typed::Grid("4")).unwrap_err().contains("1,024 candidates"));
        for bad in ["0", "501", "-1", "1.5", ""] {
            assert!(of(Typed::Random(bad, "1")).is_err(), "{bad}");
        }
        assert!(of(Typed::Grid("1")).is_err() && of(Typed::Random("3", "-1")).is_err());
        for limit in ["0", "-1", "", "NaN", "inf"] {
            assert!(wanted(&ends(), Typed::Grid("2"), limit).is_err(), "{limit}");
        }
    }
}
