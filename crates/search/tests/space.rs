//! What may be tried: values, spaces, grids and draws.

use std::collections::BTreeSet;

use maec_search::{Axis, Choice, Method, Plan, Search, SearchError, Space, Tuning, Values, draw};
use proptest::prelude::*;
use serde_json::Value;

/// A search that `maec tune` made.
fn committed() -> Tuning<Value> {
    serde_json::from_str(include_str!("../../../tests/tuning/tune.json")).unwrap()
}

#[test]
fn the_draws_are_those_of_a_search_that_was_made() {
    let Tuning { plan: Plan { space, search, seed, .. }, trials, .. } = committed();
    let drawn = search.choices(&space, seed).unwrap();
    assert_eq!(drawn.len(), 24);
    for (drawn, trial) in drawn.iter().zip(&trials) {
        assert_eq!(*drawn, trial.choice, "trial {}", trial.number);
        // Draws are counted: one alone is the same.
        assert_eq!(draw(&space, seed, trial.number), trial.choice);
    }
    // A longer search begins with the shorter one; another seed is another search.
    let longer = Search::Random { trials: 40 };
    assert_eq!(longer.choices(&space, seed).unwrap()[..24], drawn);
    assert_ne!(longer.choices(&space, seed + 1).unwrap()[..24], drawn);
}

#[test]
fn a_grid_has_every_combination_once_with_both_ends() {
    let space = Space::of(Method::Maec)
        .with(Axis::Eta, Values::fixed(0.5))
        .with(Axis::Mu, Values::fixed(0.75))
        .with(Axis::K2, "0.6,0.8".parse().unwrap());
    let search = Search::Grid { per: 3 };
    let choices = search.choices(&space, 0).unwrap();
    assert_eq!((choices.len(), search.trials(&space)), (18, 18));
    for (axis, values) in
        [(Axis::Beta, &[0.0, 0.5, 1.0][..]), (Axis::Gamma, &[0.2, 1.1, 2.0]), (Axis::K2, &[0.6, 0.8])]
    {
        for value in values {
            let count = choices.iter().filter(|choice| axis.of(choice) == *value).count();
            assert_eq!(count, 18 / values.len(), "{axis:?} {value}");
        }
    }
    assert!(choices.iter().all(|choice| choice.mu == 0.75 && choice.parameters.eta == 0.5));
    let places: BTreeSet<String> = choices.iter().map(|choice| format!("{choice:?}")).collect();
    assert_eq!(places.len(), 18);
    // The last axis changes first.
    assert_eq!([choices[0], choices[1]].map(|choice| choice.parameters.k2), [0.6, 0.8]);
}

#[test]
fn the_finest_grid_within_a_number_of_trials() {
    let space = Space::of(Method::Maec);
    for (trials, per) in [(32, 2), (242, 2), (243, 3), (1024, 4)] {
        assert_eq!(Search::grid_within(&space, trials).unwrap(), Search::Grid { per });
    }
    assert!(matches!(Search::grid_within(&space, 31), Err(SearchError::SmallGrid { least: 32 })));
    assert_eq!(Search::grid_within(&Space::of(Method::FTv), 24).unwrap(), Search::Grid { per: 24 });
    assert_eq!(Search::Model { trials: 3 }.choices(&space, 1), None);
}

#[test]
fn values_as_people_write_them() {
    let read = |text: &str| text.parse::<Values>();
    assert_eq!(read("0.2..2").unwrap(), Values::range(0.2, 2.0));
    assert_eq!(read("0.6, 0.7").unwrap(), Values::List(vec![0.6, 0.7]));
    assert_eq!(read("-1").unwrap(), Values::fixed(-1.0));
    for text in ["", "..", "1..", "a", "1,,2", "inf", "nan..1", "1..b"] {
        assert!(matches!(read(text), Err(SearchError::NoValues(_))), "{text}");
    }
    assert_eq!("k2".parse(), Ok(Axis::K2));
    assert!("delta".parse::<Axis>().unwrap_err().contains("alpha, beta, gamma, eta, mu, k2, lambda"));
}

#[test]
fn a_space_is_a_map_of_the_named_in_order() {
    let space = Space::of(Method::FTv);
    let json = r#"{"mu":{"list":[1.0]},"lambda":{"range":{"low":0.0,"high":1.0}}}"#;
    assert_eq!(serde_json::to_string(&space).unwrap(), json);
    assert_eq!(serde_json::from_str::<Space>(json).unwrap(), space);
    assert_eq!((space.free(), space.named().len()), (vec![Axis::Lambda], 2));
    assert!(serde_json::from_str::<Space>(r#"{"delta":{"list":[1.0]}}"#).is_err());
}

proptest! {
    #[test]
    fn every_place_is_a_value_and_every_value_has_its_place(
        low in -3.0f64..3.0, width in 0.001f64..4.0, place in -0.5f64..1.5, list in prop::collection::btree_set(-50i32..50, 1..9),
    ) {
        let range = Values::range(low, low + width);
        let value = range.at(place);
        prop_assert!((low..=low + width).contains(&value));
        // Four decimals, so a value's place gives it back.
        prop_assert_eq!(range.at(range.place(value)), value);
        let list = Values::List(list.into_iter().map(f64::from).collect());
        let value = list.at(place);
        prop_assert_eq!(list.at(list.place(value)), value);
        prop_assert!(range.is_sane() && list.is_sane());
    }

    #[test]
    fn draws_stay_within_the_space(seed: u64, number in 0usize..1000) {
        let space = Space::of(Method::Maec).with(Axis::Eta, Values::List(vec![0.5, 1.0]));
        let choice: Choice = draw(&space, seed, number);
        for axis in Axis::ALL {
            match space.values(axis) {
                Some(Values::List(list)) => prop_assert!(list.contains(&axis.of(&choice))),
                Some(Values::Range { low, high }) => prop_assert!((*low..=*high).contains(&axis.of(&choice))),
                None => prop_assert_eq!(axis.of(&choice), axis.of(&Choice::default())),
            }
        }
    }
}
