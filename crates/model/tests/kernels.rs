//! The hand-written kernels against the same operations composed of burn's own: results and gradients.

use burn::tensor::{Device, Distribution, FloatDType, Tensor, TensorData};
use maec_model::kernels::{self, Angles, Attending, IGNORE, Shape, composed};
use maec_model::{Activation, Batch, Segment, frequencies};

fn device() -> Device {
    Device::flex().autodiff()
}

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &device()).require_grad()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.without_autodiff().into_data().try_into_vec::<f32>().unwrap()
}

#[track_caller]
fn assert_close(what: &str, ours: &[f32], reference: &[f32]) {
    assert_eq!(ours.len(), reference.len(), "{what}");
    for (index, (a, b)) in ours.iter().zip(reference).enumerate() {
        assert!((a - b).abs() <= 2e-5 * (1.0 + b.abs()), "{what}[{index}]: {a} against {b}");
    }
}

/// Compares two functions of the same inputs: their values, and the gradients of a random weighting of them.
#[track_caller]
fn compare<const N: usize>(
    inputs: [Tensor<2>; N],
    ours: impl Fn([Tensor<2>; N]) -> Tensor<2>,
    reference: impl Fn([Tensor<2>; N]) -> Tensor<2>,
) {
    let (a, b) = (ours(inputs.clone()), reference(inputs.clone()));
    assert_close("value", &values(a.clone()), &values(b.clone()));
    let weight = Tensor::random(a.dims(), Distribution::Normal(0.0, 1.0), &device());
    let grads_a = (a * weight.clone()).sum().backward();
    let grads_b = (b * weight).sum().backward();
    for (index, input) in inputs.iter().enumerate() {
        let (a, b) = (input.grad(&grads_a).unwrap(), input.grad(&grads_b).unwrap());
        assert_close(&format!("gradient {index}"), &values(a), &values(b));
    }
}

#[test]
fn linear_matches() {
    let inputs = [random([37, 24]), random([40, 24])];
    compare(inputs, |[x, w]| kernels::linear(x, w), |[x, w]| composed::linear(x, w));
}

#[test]
fn linear_without_gradients_matches() {
    for (tokens, out, width) in [(1, 200, 300), (4, 200, 300), (5, 200, 300), (8, 48, 16), (21, 49, 7)] {
        let (x, w) = (random([tokens, width]).without_autodiff(), random([out, width]).without_autodiff());
        let reference = composed::linear(x.clone(), w.clone());
        assert_close("value", &values(kernels::linear(x.clone(), w.clone())), &values(reference));
        let narrow = w.cast(FloatDType::BF16);
        let reference = composed::linear(x.clone(), narrow.clone().cast(FloatDType::F32));
        assert_close("bf16", &values(kernels::linear(x, narrow)), &values(reference));
    }
}

#[test]
fn products_of_the_same_rows_match() {
    for (tokens, width, inner) in [(5, 30, 49), (21, 16, 100), (9, 1200, 48)] {
        let plain = |shape| random::<2>(shape).without_autodiff() * 0.1;
        let x = plain([tokens, width]);
        let [gate, up, down] = [plain([inner, width]), plain([inner, width]), plain([width, inner])];
        let bf16 = |w: &Tensor<2>| w.clone().cast(FloatDType::BF16);
        for weights in [[gate.clone(), up.clone(), down.clone()], [bf16(&gate), bf16(&up), down.clone()]] {
            let wide = weights.clone().map(|w| w.cast(FloatDType::F32));
            let [gate, up] = [0, 1].map(|i| composed::linear(x.clone(), wide[i].clone()));
            let ours = kernels::linears(&x, [weights[0].clone(), weights[1].clone()]).expect("many rows");
            for (ours, reference) in ours.into_iter().zip([&gate, &up]) {
                assert_close("product", &values(ours), &values(reference.clone()));
            }
            for activation in [Activation::Silu, Activation::GeluTanh] {
                let ours = kernels::mlp(&x, weights.clone(), activation).expect("many rows");
                let hidden = composed::gated(gate.clone(), up.clone(), activation);
                let reference = composed::linear(hidden, wide[2].clone());
                assert_close("mlp", &values(ours), &values(reference));
            }
        }
    }
}

#[test]
fn products_with_gradients_are_left_to_others() {
    let weights = [random([8, 16]), random([8, 16])];
    assert!(kernels::linears(&random([9, 16]), weights).is_none());
}

#[test]
fn rms_norm_matches() {
    for rows in [3, 64, 200] {
        let flat = |w: Tensor<2>| w.reshape([40]);
        compare(
            [random([rows, 40]), random([1, 40])],
            |[x, w]| kernels::rms_norm(x, flat(w), 1e-5),
            |[x, w]| composed::rms_norm(x, flat(w), 1e-5),
        );
    }
}

#[test]
fn gates_match() {
    for activation in [Activation::Silu, Activation::GeluTanh] {
        let inputs = [random([300, 70]) * 3.0, random([300, 70])].map(|x| x.detach().require_grad());
        compare(
            inputs,
            |[g, u]| kernels::gated(g, u, activation),
            |[g, u]| composed::gated(g, u, activation),
        );
    }
}

#[test]
fn embedding_matches() {
    let ids = [3, 0, 3, 7, 11, 3];
    for padding in [None, Some(7)] {
        compare(
            [random([12, 8])],
            |[w]| kernels::embedding(w, &ids, padding),
            |[w]| composed::embedding(w, &ids, padding),
        );
    }
}

#[test]
fn rope_matches() {
    let positions: Vec<u32> = (0..33).map(|i| i * 7 % 50).collect();
    let angles = Angles::new(&frequencies(10_000.0, 16, None), &positions, &device());
    compare([random([33, 48])], |[x]| kernels::rope(x, &angles), |[x]| composed::rope(x, &angles));
}

#[test]
fn ragged_grouped_attention_matches() {
    let mut batch = Batch::default();
    // Lengths about the panels' edges among them.
    for (length, visible) in [(9, 9), (1, 1), (14, 10), (5, 5), (33, 33), (71, 60), (64, 64)] {
        batch.push(&vec![0; length], visible);
    }
    let attending = Attending::new(&batch.segments, [None], &device());
    let rows = batch.len();
    for (softcap, window) in
        [(None, None), (Some(2.0), None), (None, Some(4)), (Some(2.0), Some(1)), (None, Some(40))]
    {
        let shape = Shape { softcap, window, ..Shape::plain(16) };
        compare(
            [random([rows, 64]), random([rows, 32]), random([rows, 32])],
            |[q, k, v]| kernels::attention(q, k, v, &shape, &attending),
            |[q, k, v]| composed::attention(q, k, v, &shape, &attending),
        );
    }
}

#[test]
fn attention_without_gradients_matches() {
    // Lengths about the tiles' edges; padding; a prompt's second part behind a cache; one token behind it.
    let segment = |queries, keys, offset, hidden| Segment { queries, keys, offset, hidden };
    let segments = [
        segment(0..33, 0..33, 0, 33..33),
        segment(33..34, 33..34, 0, 1..1),
        segment(34..57, 34..57, 0, 14..23),
        segment(57..73, 57..90, 17, 9..12),
        segment(73..74, 90..131, 40, 0..0),
    ];
    let attending = Attending::new(&segments, [None], &device());
    for (head_dim, group) in [(8, 1), (20, 3), (16, 4)] {
        let [q, k, v] = [(74, 2 * group), (131, 2), (131, 2)]
            .map(|(rows, heads)| random([rows, heads * head_dim]).without_autodiff());
        for (softcap, window) in [(None, None), (Some(2.0), None), (None, Some(24)), (Some(2.0), Some(5))] {
            let shape = Shape { softcap, window, ..Shape::plain(head_dim) };
            let ours = kernels::attention(q.clone(), k.clone(), v.clone(), &shape, &attending);
            let reference = composed::attention(q.clone(), k.clone(), v.clone(), &shape, &attending);
            // Rows of padding that see nothing in their window may hold anything.
            let seen: Vec<bool> = segments
                .iter()
                .flat_map(|s| {
                    (0..s.queries.len()).map(move |i| (0..s.keys.len()).any(|j| s.sees(i, j, window)))
                })
                .collect();
            let kept = |x: Tensor<2>| -> Vec<f32> {
                let rows = values(x);
                let rows = rows.chunks(2 * group * head_dim).zip(&seen);
                rows.filter(|(_, seen)| **seen).flat_map(|(row, _)| row.to_vec()).collect()
            };
            assert_close("value", &kept(ours), &kept(reference));
        }
    }
}

#[test]
fn attention_over_a_cache_matches() {
    let segments: Vec<Segment> = (0..3)
        .map(|i| Segment { queries: i..i + 1, keys: i * 7..(i + 1) * 7, offset: 6, hidden: 2 + i..5 })
        .collect();
    let attending = Attending::new(&segments, [None], &device());
    let (q, k, v) = (random([3, 32]), random([21, 32]), random([21, 32]));
    let [q, k, v] = [q, k, v].map(Tensor::without_autodiff);
    for window in [None, Some(3)] {
        let shape = Shape { window, ..Shape::plain(8) };
        let ours = kernels::attention(q.clone(), k.clone(), v.clone(), &shape, &attending);
        let reference = composed::attention(q.clone(), k.clone(), v.clone(), &shape, &attending);
        assert_close("value", &values(ours), &values(reference));
    }
}

#[test]
fn cross_entropy_matches() {
    let targets = [1, IGNORE, 4, 0, IGNORE];
    let as_matrix = |loss: Tensor<1>| loss.reshape([1, 1]);
    compare(
        [random([5, 9])],
        |[x]| as_matrix(kernels::cross_entropy(x, &targets)),
        |[x]| as_matrix(composed::cross_entropy(x, &targets)),
    );
}

#[test]
fn cross_entropy_of_even_odds_is_the_log_of_the_vocabulary() {
    let logits = Tensor::<2>::from_data(TensorData::new(vec![0.5f32; 3 * 50], [3, 50]), &Device::flex());
    assert_close("loss", &values(kernels::cross_entropy(logits, &[0, 7, 49])), &[50f32.ln()]);
}
