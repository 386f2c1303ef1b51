//! Keys of what the published tables trained: where one changes, every store trains again, so it changes with the version alone.

use maec_lab::{Catalog, Form, Ground, LabSettings, Way, WorldGround};

#[test]
fn the_worlds_runs_keep_their_keys() {
    let ground = WorldGround::new(LabSettings::paper(), 1).unwrap();
    let identity = ground.identity();
    let [arithmetic, science] =
        ["arithmetic", "science"].map(|ability| Catalog::of_world(&ground.settings, ability));
    let [es, zh] = [&arithmetic.targets[0], &arithmetic.targets[1]];
    let elsewhere = science.ability_elsewhere().unwrap();
    assert_eq!((es.code.as_str(), zh.code.as_str(), elsewhere.0), ("es", "zh", "zh"));
    let first = |key: String| key[..16].to_owned();
    for (run, key) in [
        (ground.base_run(), "86b75909e1cc6f3f"),
        (arithmetic.ability_and_reference(), "050256e6d00fc92d"),
        (arithmetic.reference(), "ed38fbc36850e27d"),
        (arithmetic.language(zh), "f466e00360613f13"),
        (arithmetic.language_alone(es, Way::Lora), "a4eae374c1b45586"),
        (science.languages_and_ability(Way::Lora), "efad5ce87b9241ae"),
        (science.languages_then_ability(Way::Full), "c5a84ad063f69d82"),
        (arithmetic.languages_and_translated().unwrap(), "4f101fa3c9b3b922"),
        (arithmetic.translated_only().unwrap(), "c3816812d6230372"),
        (science.random_mask(1), "8fca83769eac6ddb"),
        (science.unmasked_ability(), "866a5d671ba4deef"),
        (arithmetic.other_corpus(), "7761a93779cc2763"),
        (arithmetic.other_ranking(), "21e28d32a76f9c9e"),
        (arithmetic.random_neurons(1), "26231b45c7384526"),
        (elsewhere.1, "2532a33a0633bcbf"),
    ] {
        assert_eq!(first(run.key(identity)), key, "{}", run.name);
    }
    for (ranking, key) in [
        (arithmetic.reference_neurons(), "6a42e6a9a889a066"),
        (arithmetic.language_neurons(es), "7942bd3888763c91"),
        (science.ability_neurons(), "47ea616385202ea9"),
        (science.ability_neurons().by(Form::Gradient), "a917264b614c25a8"),
    ] {
        assert_eq!(first(ranking.key(identity)), key, "{}", ranking.name);
    }
}
