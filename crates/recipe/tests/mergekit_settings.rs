//! Parameters of mergekit files: filters, gradients and levels give what mergekit 0.1.5 gives.

use maec_recipe::mergekit::{Condition, Key, Setting, Values, flag, gradient_position, value};
use proptest::prelude::*;

fn condition(filter: Option<&str>, value: Setting) -> Condition {
    Condition { filter: filter.map(String::from), value }
}

fn values(name: &str, setting: Setting) -> Values {
    Values(vec![(Key::from(name), setting)])
}

/// Every number on the right was printed by mergekit's own evaluation of the same setting.
#[test]
fn settings_have_mergekits_values() {
    let gradient = |points: &[f64]| Setting::Gradient(points.to_vec());
    let filters = |conditions: &[(Option<&str>, Setting)]| {
        Setting::Conditional(
            conditions.iter().map(|(filter, value)| condition(*filter, value.clone())).collect(),
        )
    };
    let two = filters(&[(Some("mlp"), Setting::Number(1.0)), (None, Setting::Number(2.0))]);
    for (setting, tensor, t, expected) in [
        (gradient(&[1.0, 2.0, 3.0]), "model.layers.0.mlp.up.weight", 0.25, Some(1.5)),
        (gradient(&[1.0, 2.0, 3.0]), "x", 1.0, Some(3.0)),
        (gradient(&[5.0]), "x", 0.3, Some(5.0)),
        (gradient(&[0.1, 0.7, 0.3]), "x", 1.0 / 3.0, Some(0.499_999_999_999_999_94)),
        (gradient(&[0.1, 0.7, 0.3]), "x", 2.0 / 3.0, Some(0.566_666_666_666_666_7)),
        (gradient(&[0.1, 0.7, 0.3]), "x", 2.0 / 7.0, Some(0.442_857_142_857_142_84)),
        (gradient(&[]), "x", 0.3, None),
        (two.clone(), "model.mlp.q", 0.0, Some(1.0)),
        (two, "model.attn", 0.0, Some(2.0)),
        (filters(&[(Some("mlp"), Setting::Number(1.0))]), "model.attn", 0.0, None),
        (filters(&[(Some("*"), gradient(&[1.0, 3.0]))]), "model.attn", 0.25, Some(1.5)),
        (filters(&[(Some("model*attn"), Setting::Number(7.0))]), "model.attn", 0.0, None),
        (filters(&[(Some("MODEL"), Setting::Number(7.0))]), "model.attn", 0.0, None),
        (Setting::Flag(true), "x", 0.0, Some(1.0)),
        (Setting::Text("sum".into()), "x", 0.0, None),
    ] {
        assert_eq!(setting.at(tensor, t), expected, "{setting:?} at {tensor}, {t}");
    }
}

#[test]
fn the_most_specific_level_that_has_a_value_counts() {
    let only_mlp = || Setting::Conditional(vec![condition(Some("mlp"), Setting::Number(1.0))]);
    let (source, slice, module) = (
        values("weight", only_mlp()),
        values("t", Setting::Number(9.0)),
        values("weight", Setting::Number(3.0)),
    );
    let file = values("weight", Setting::Number(4.0));
    let levels = [&source, &slice, &module, &file];
    assert_eq!(value(&levels, "weight", "a.mlp.b", 0.0), Some(1.0));
    assert_eq!(value(&levels, "weight", "a.attn.b", 0.0), Some(3.0), "no filter of the source fits");
    assert_eq!(value(&levels, "t", "a", 0.0), Some(9.0));
    assert_eq!(value(&levels, "density", "a", 0.0), None);
    assert_eq!(value(&[&source, &slice], "weight", "a.attn.b", 0.0), None);
}

/// What mergekit prints for parameters that are flags.
#[test]
fn lists_of_flags_step() {
    let steps = Values(vec![
        (Key::from("two"), Setting::Gradient(vec![1.0, 0.0])),
        (Key::from("three"), Setting::Gradient(vec![1.0, 0.0, 1.0])),
        (Key::from("number"), Setting::Number(0.5)),
        (Key::from("word"), Setting::Text("yes please".into())),
    ]);
    let at = |name| [0.0, 0.25, 0.5, 0.75, 0.99, 1.0].map(|t| flag(&[&steps], name, "x", t));
    assert_eq!(at("two"), [true, true, true, true, true, false].map(Some));
    assert_eq!(at("three"), [true, true, false, false, false, true].map(Some));
    assert_eq!(at("number"), [Some(true); 6]);
    assert_eq!(at("word"), [None; 6]);
    assert_eq!(value(&[&steps], "two", "x", 0.25), Some(0.75), "as a number it is interpolated");
}

#[test]
fn positions_on_a_gradient() {
    assert_eq!(gradient_position(Some(0), 5), 0.0);
    assert_eq!(gradient_position(Some(1), 5), 0.25);
    assert_eq!(gradient_position(Some(4), 5), 1.0);
    assert_eq!(gradient_position(Some(0), 1), 1.0, "the only layer of a slice");
    assert_eq!(gradient_position(None, 5), 0.0, "an embedding, the final norm, lm_head");
    assert_eq!(gradient_position(None, 1), 0.0);
}

proptest! {
    #[test]
    fn a_gradient_meets_its_points_and_stays_between_them(
        points in prop::collection::vec(-10.0..10.0f64, 1..8), t in 0.0..=1.0f64,
    ) {
        let gradient = Setting::Gradient(points.clone());
        let (low, high) = points.iter().fold((f64::MAX, f64::MIN), |(l, h), &p| (l.min(p), h.max(p)));
        let found = gradient.at("x", t).unwrap();
        prop_assert!(low - 1e-12 <= found && found <= high + 1e-12);
        prop_assert_eq!(gradient.at("x", 0.0), points.first().copied());
        prop_assert_eq!(gradient.at("x", 1.0), points.last().copied());
    }
}
