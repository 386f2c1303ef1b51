//! Links: what they restore, how long they are, and what damaged or hostile ones give.

mod common;

use common::{PACK, all_moved, any_experiment, exactly, preset};
use maec_recipe::link::{self, Decoded, LinkError, MAX_BYTES};
use maec_recipe::{Experiment, MergeMethod, OutDtype, Parameters, ResultsMetric, Tab};
use proptest::prelude::*;

fn decoded(experiment: Experiment) -> Result<Decoded, LinkError> {
    Ok(Decoded { experiment, other_pack: None })
}

fn moved() -> Experiment {
    let mut experiment = preset();
    experiment.recipe.parameters.k2 = 0.6;
    experiment.recipe.languages[1].weight = 0.55;
    experiment.view.tab = Tab::Results;
    experiment
}

/// Links as they were published. They must open for ever: never change a line here, only add.
#[test]
fn published_links_open() {
    let mut all = moved();
    all.recipe.merge_method = MergeMethod::TaskVector;
    all.recipe.out_dtype = Some(OutDtype::Float32);
    all.recipe.parameters =
        Parameters { alpha: 0.75, beta: 0.1 + 0.2, gamma: 1.0 / 3.0, eta: -0.0, k2: 1.0, lambda: 0.4 };
    all.recipe.select.include = vec!["*norm*".into(), "lm_head.weight".into()];
    all.recipe.select.exclude = vec!["model.layers.?.mlp.*".into()];
    all.evaluation.problems_per_language = 500;
    all.view.tab = Tab::Try;
    all.view.focused_tensor = Some("model.layers.2.self_attn.v_proj.weight".into());
    all.view.results_metric = ResultsMetric::Perplexity;
    let mut fewer = preset();
    fewer.recipe.languages.truncate(2);
    for (fragment, experiment) in [
        ("v1.D6BYpKuGR0aaYapRinGySZJpopmluYVSLQAz", preset()),
        ("v1.11eJF6uGR0aaYapRinGySZJpopmluQVKZKCEN1rYmoI9iRpu0KBA9hSq5bW1AAz", moved()),
        (
            "v1.Lr-O4SMy3kxR4i3NMNUoxTjZJMk00czS3AIl3lCiBi0aTMHhgTdmMZI-MKXjjhVTRLQYG6ACE2g06RroGcDjCagMDUCizRCkBhFtJrhiDSUi7KE5NxYlKqG5GGgcSuFHSgwbIcVwGRkxDIlZAAz",
            all,
        ),
        ("v1.voYhWauGR0aaYapRinGySZJpopmluQVKZCCFdzQiHYGTD3JSQo0EhELkRARmI8cM0OsAz", fewer),
    ] {
        let read = link::decode(fragment, &preset());
        assert_eq!(
            exactly(&read),
            exactly(&decoded(experiment.clone())),
            "{}",
            link::encode(&experiment, &preset())
        );
    }
}

#[test]
fn a_link_for_another_pack_is_announced() {
    let here = Experiment::preset("ffffffffffffffff", common::recipe());
    let fragment = link::encode(&moved(), &preset());
    let expected = Decoded { experiment: here.clone(), other_pack: Some(PACK.into()) };
    assert_eq!(link::decode(&fragment, &here), Ok(expected));
    assert_eq!(link::peek_pack(&fragment), Ok(PACK.into()));
}

#[test]
fn the_hash_sign_may_stay() {
    let fragment = format!("#{}", link::encode(&moved(), &preset()));
    assert_eq!(link::decode(&fragment, &preset()), decoded(moved()));
}

#[test]
fn damaged_links_are_refused() {
    let decode = |fragment: &str| link::decode(fragment, &preset()).unwrap_err();
    let good = link::encode(&moved(), &preset());
    assert_eq!(decode(""), LinkError::NotALink);
    assert_eq!(decode("results"), LinkError::NotALink);
    assert_eq!(decode("v.x"), LinkError::NotALink);
    assert_eq!(decode("v2.AAAAz"), LinkError::UnknownVersion { version: 2 });
    assert_eq!(decode("v99999999999999.AAAAz"), LinkError::NotALink);
    assert_eq!(decode("v1."), LinkError::CutOff);
    assert_eq!(decode("v1.z"), LinkError::CutOff);
    assert_eq!(decode(&good[..good.len() - 1]), LinkError::CutOff);
    assert_eq!(decode(&format!("{good})")), LinkError::CutOff);
    assert_eq!(decode(&good.replacen('.', ".é", 1)), LinkError::BadCharacter { character: 'é' });
    assert_eq!(decode(&good.replacen('.', ".%", 1)), LinkError::BadCharacter { character: '%' });
    assert_eq!(
        decode(&format!("v1.{}z", "A".repeat(MAX_BYTES))),
        LinkError::TooLong { bytes: MAX_BYTES + 4 }
    );
    let other = if &good[20..21] == "A" { "B" } else { "A" };
    assert_eq!(decode(&format!("{}{other}{}", &good[..20], &good[21..])), LinkError::Altered);
}

#[test]
fn every_cut_is_noticed() {
    let good = link::encode(&moved(), &preset());
    for end in 0..good.len() {
        assert!(link::decode(&good[..end], &preset()).is_err(), "{end}");
        assert!(link::peek_pack(&good[..end]).is_err(), "{end}");
    }
}

#[test]
fn every_changed_character_is_noticed() {
    let good = link::encode(&moved(), &preset());
    for at in 0..good.len() {
        for c in "Az09-_.".chars().filter(|&c| good.as_bytes()[at] != c as u8) {
            let bad = format!("{}{c}{}", &good[..at], &good[at + 1..]);
            assert!(link::decode(&bad, &preset()).is_err(), "{bad}");
        }
    }
}

/// A link that is well made and says something that cannot be.
fn says(change: impl FnOnce(&mut Experiment)) -> LinkError {
    let mut experiment = preset();
    change(&mut experiment);
    let error = link::decode(&link::encode(&experiment, &preset()), &preset()).unwrap_err();
    assert!(!error.to_string().contains('\n'));
    error
}

#[test]
fn hostile_values_are_refused() {
    let k2 = says(|e| e.recipe.parameters.k2 = 1.4);
    assert!(k2.to_string().contains("k2 is 1.4 (140 %)"), "{k2}");
    assert!(matches!(says(|e| e.recipe.version = 2), LinkError::Recipe(_)));
    assert!(matches!(says(|e| e.recipe.languages[1].name = "es".into()), LinkError::Recipe(_)));
    assert!(matches!(says(|e| e.recipe.parameters.gamma = f64::NAN), LinkError::NotAnExperiment { .. }));
    assert!(matches!(says(|e| e.recipe.parameters.gamma = f64::INFINITY), LinkError::NotAnExperiment { .. }));
    assert_eq!(says(|e| e.evaluation.problems_per_language = 0), LinkError::Problems { value: 0 });
    assert_eq!(says(|e| e.view.focused_tensor = Some(String::new())), LinkError::FocusedTensor);
    assert_eq!(says(|e| e.view.focused_tensor = Some("x".repeat(513))), LinkError::FocusedTensor);
    assert_eq!(says(|e| e.pack = "../../pack".into()), LinkError::NoPack);
}

#[test]
fn a_small_change_makes_a_short_link() {
    let fragment = link::encode(&moved(), &preset());
    assert!(fragment.len() <= 80, "{} {fragment}", fragment.len());
}

#[test]
fn tensors_chosen_by_hand_fit() {
    let mut experiment = moved();
    experiment.recipe.merge_method = MergeMethod::TaskVector;
    for layer in 0..4 {
        for kind in ["self_attn.q_proj", "self_attn.k_proj", "mlp.up_proj"] {
            experiment.recipe.select.include.push(format!("model.layers.{layer}.{kind}.weight"));
        }
        experiment.recipe.select.exclude.push(format!("model.layers.{layer}.mlp.down_proj.weight"));
    }
    let fragment = link::encode(&experiment, &preset());
    assert!(fragment.len() <= 400, "{} {fragment}", fragment.len());
    assert_eq!(link::decode(&fragment, &preset()), decoded(experiment));
}

proptest! {
    #[test]
    fn any_experiment_comes_back(experiment in any_experiment()) {
        let fragment = link::encode(&experiment, &preset());
        prop_assert!(fragment.ends_with('z'));
        prop_assert!(fragment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
        prop_assert_eq!(link::peek_pack(&fragment), Ok(PACK.into()));
        let read = link::decode(&fragment, &preset());
        prop_assert_eq!(exactly(&read), exactly(&decoded(experiment)));
    }

    #[test]
    fn any_preset_will_do(experiment in any_experiment(), preset in any_experiment()) {
        let read = link::decode(&link::encode(&experiment, &preset), &preset);
        prop_assert_eq!(exactly(&read), exactly(&decoded(experiment)));
    }

    #[test]
    fn the_demo_packs_links_are_at_most_400_characters(experiment in all_moved()) {
        let fragment = link::encode(&experiment, &preset());
        prop_assert!(fragment.len() <= 400, "{} {}", fragment.len(), fragment);
        prop_assert_eq!(link::decode(&fragment, &preset()), decoded(experiment));
    }

    #[test]
    fn any_text_is_safe(text in "\\PC{0,200}", body in "[A-Za-z0-9_-]{0,200}") {
        for fragment in [format!("v1.{text}z"), format!("v1.{body}z"), text] {
            prop_assert!(link::decode(&fragment, &preset()).is_err(), "{}", fragment);
        }
    }

    #[test]
    fn any_damage_is_noticed(
        experiment in all_moved(), at in any::<prop::sample::Index>(), c in "[A-Za-z0-9_-]", cut in 0..5usize,
    ) {
        let good = link::encode(&experiment, &preset());
        let at = at.index(good.len());
        let bad = format!("{}{c}{}", &good[..at], good.get(at + cut..).unwrap_or(""));
        prop_assume!(bad != good);
        prop_assert!(link::decode(&bad, &preset()).is_err());
    }
}
