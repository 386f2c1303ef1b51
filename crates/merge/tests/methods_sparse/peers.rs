//! Values that other programs computed: mergekit and PEFT (`peers.py` wrote them), and ChaCha8 from its definition.

use maec_merge::methods::Dialect;
use serde_json::Value;

use super::setup::case;

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Bool(flag) => vec![f64::from(u8::from(*flag))],
        Value::Array(values) => values.iter().map(|value| value.as_f64().expect("a number")).collect(),
        value => vec![value.as_f64().expect("a number")],
    }
}

fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|value| value as f32).collect()
}

#[test]
fn mergekit_and_peft_compute_the_same() {
    let peers: Value = serde_json::from_str(include_str!("peers.json")).expect("JSON");
    let shape: Vec<usize> = numbers(&peers["shape"]).into_iter().map(|n| n as usize).collect();
    let base = floats(&peers["base"]);
    let models: Vec<Vec<f32>> = peers["models"].as_array().expect("models").iter().map(floats).collect();
    let cases = peers["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 48);
    for peer in cases {
        let mut case = case(peer["method"].as_str().expect("a method"), &shape, &base, &models);
        if peer["dialect"] == "peft" {
            case = case.dialect(Dialect::Peft);
        }
        for (name, value) in peer["parameters"].as_object().expect("parameters") {
            case = case.with(name, &numbers(value));
        }
        for (ours, theirs) in case.merge().iter().zip(floats(&peer["out"])) {
            let close = (ours - theirs).abs() <= 1e-6 + 1e-6 * theirs.abs();
            assert!(close, "{ours} is not {theirs}: {} {}", peer["method"], peer["parameters"]);
        }
    }
}

/// Which of δ = 1 a density keeps; the words come from RFC 8439's rounds, eight of them, written in Python.
#[test]
fn the_random_words_are_chacha8s() {
    let kept = |n: usize, place: usize, density: f64| -> Vec<usize> {
        let mut case = case("dare_linear", &[n], &vec![0.0; n], &[vec![1.0; n], vec![1.0; n]]);
        case.tensor = "model.norm.weight".to_owned();
        case.seed = 7;
        let mut weights = [0.0, 0.0];
        weights[place] = 1.0;
        let merged = case.with("density", &[density]).with("weight", &weights).merge();
        merged.iter().enumerate().filter(|(_, x)| **x != 0.0).map(|(i, _)| i).collect()
    };
    let pattern = |text: &str| -> Vec<usize> { text.match_indices('1').map(|(i, _)| i).collect() };
    assert_eq!(kept(48, 0, 0.5), pattern("110010101001101111110010110101100001001000101000"));
    assert_eq!(kept(48, 1, 0.5), pattern("000110011010111000101100000110111110100101110100"));
    let far: Vec<usize> = kept(1100, 0, 0.1).into_iter().filter(|i| *i >= 1000).collect();
    assert_eq!(far, [1006, 1014, 1016, 1018, 1021, 1052, 1059, 1061, 1068, 1082, 1092]);
}
