//! Where the papers and PEFT define a name otherwise than mergekit.

use maec_merge::methods::{Dialect, Survey, Tile, Totals, named};

use super::setup::{Case, case, noise};

#[test]
fn methods_say_where_dialects_differ() {
    let differs = |name, dialect| named(name).expect("a method").differs(dialect);
    for name in ["ties", "dare_linear", "dare_ties", "della", "della_linear"] {
        assert!(!differs(name, Dialect::Mergekit) && differs(name, Dialect::Paper), "{name}");
    }
    for name in ["ties", "dare_linear", "dare_ties"] {
        assert!(differs(name, Dialect::Peft), "{name}");
    }
    for name in ["task_arithmetic", "breadcrumbs", "breadcrumbs_ties"] {
        assert!(!differs(name, Dialect::Paper) && !differs(name, Dialect::Peft), "{name}");
    }
}

/// What a method that does not say so computes is the same in every dialect, and what one that does is not.
#[test]
fn dialects_differ_where_methods_say_so() {
    let models: Vec<_> = (1..4).map(|i| noise(i, 300)).collect();
    for method in maec_merge::methods::METHODS
        .iter()
        .filter(|m| m.about().parameters.iter().any(|p| p.name == "density"))
    {
        let run = |dialect| {
            let case = case(method.about().name, &[10, 30], &noise(0, 300), &models);
            case.with("density", &[0.5]).with("weight", &[0.5, 1.0, -0.7]).dialect(dialect).merge()
        };
        for dialect in [Dialect::Paper, Dialect::Peft] {
            let differs = run(Dialect::Mergekit) != run(dialect);
            assert_eq!(differs, method.differs(dialect), "{method:?} {dialect:?}");
        }
    }
}

/// Everything that a survey looks at: tensors after each other, `[elements]` for each model.
fn look_at_all(survey: &mut dyn Survey, tensors: &[[Vec<f32>; 2]]) {
    while let Some(sizes) = survey.next() {
        let mut totals = Totals::new(sizes);
        for models in tensors {
            let base = vec![0.0; models[0].len()];
            let models: Vec<&[f32]> = models.iter().map(Vec::as_slice).collect();
            survey.look(&Tile { start: 0, base: Some(&base), models: &models }, &mut totals);
        }
        survey.learn(&totals);
    }
}

/// Worked by hand: of eight values a model the four largest stay, all of them in the second tensor for the first model.
#[test]
fn the_papers_ties_trims_the_whole_model() {
    let tensors = [
        [vec![1.0, -1.0, 0.5, 0.1], vec![4.0, 1.0, -3.0, 0.0]],
        [vec![5.0, -6.0, 7.0, -2.0], vec![-5.0, -2.0, 3.5, 1.0]],
    ];
    // Kept: model 0: 5, −6, 7, −2. Model 1: 4, −3 and −5, 3.5. Sums: 4, 0, −3, 0 and 0 (5 − 5), −6, 10.5, −2.
    // Two sums are positive and three negative, so that of 5 − 5 counts as negative.
    let expected = [[4.0, 0.0, -3.0, 0.0], [-5.0, -6.0, 5.25, -2.0]];
    let case = case("ties", &[4], &[0.0; 4], &tensors[0]).with("density", &[0.5]).dialect(Dialect::Paper);
    let ties = named("ties").expect("TIES");
    case.settings(|settings| {
        let mut survey = ties.whole(settings).expect("fit").expect("a survey");
        look_at_all(survey.as_mut(), &tensors);
        let whole = survey.learned();
        assert_eq!(whole, [-1.0, f64::from(2.0_f32.to_bits()), f64::from(3.0_f32.to_bits())]);
        for (models, expected) in tensors.iter().zip(expected) {
            let settings = maec_merge::methods::Settings { whole: &whole, ..*settings };
            let kernel = ties.kernel(&settings).expect("fit");
            assert_eq!(kernel.next(), None);
            let mut out = [0.0; 4];
            let models = [models[0].as_slice(), models[1].as_slice()];
            kernel.merge(&Tile { start: 0, base: Some(&[0.0; 4]), models: &models }, &mut out);
            assert_eq!(out, expected);
        }
    });
}

/// The same models, one negative value more in place of a positive one: 5 − 5 counts as positive.
#[test]
fn the_papers_zero_signs_follow_the_majority() {
    let run = |more: f32| {
        let models = [vec![5.0, more, more], vec![-5.0, more, 2.0 * more]];
        case("ties", &[3], &[0.0; 3], &models).dialect(Dialect::Paper).merge()
    };
    assert_eq!(run(1.0), [5.0, 1.0, 1.5]);
    assert_eq!(run(-1.0), [-5.0, -1.0, -1.5]);
}

#[test]
fn dare_divides_by_the_density_outside_mergekit() {
    let n = 1000;
    for dialect in [Dialect::Paper, Dialect::Peft] {
        let case = case("dare_linear", &[n], &vec![0.0; n], &[vec![1.0; n]]);
        let merged = case.with("density", &[0.25]).dialect(dialect).merge();
        assert!(merged.iter().all(|x| *x == 0.0 || *x == 4.0));
    }
}

#[test]
fn della_divides_by_each_ones_own_chance_in_the_paper() {
    let row: Vec<f32> = (1..=5).map(|x| x as f32).collect();
    let case = case("della_linear", &[5], &[0.0; 5], std::slice::from_ref(&row))
        .with("density", &[0.5])
        .with("epsilon", &[0.2])
        .dialect(Dialect::Paper);
    let mut seen = [false; 5];
    for seed in 0..40 {
        let merged = Case { seed, ..case.clone() }.merge();
        for (i, out) in merged.into_iter().enumerate().filter(|(_, out)| *out != 0.0) {
            assert!((out - row[i] / [0.3, 0.4, 0.5, 0.6, 0.7][i]).abs() < 1e-5, "{i}: {out}");
            seen[i] = true;
        }
    }
    assert_eq!(seen, [true; 5]);
}

#[test]
fn an_epsilon_that_leaves_no_chance_is_refused() {
    for (density, epsilon, fits) in
        [(0.5, 0.49, true), (0.5, 0.5, false), (0.1, 0.15, false), (0.9, 0.1, false), (1.0, 0.5, true)]
    {
        let case = case("della", &[4], &[0.0; 4], &[noise(1, 4)]);
        let merged = case.with("density", &[density]).with("epsilon", &[epsilon]).tiled(4);
        assert_eq!(merged.is_ok(), fits, "{density} {epsilon}");
        if let Err(unfit) = merged {
            assert_eq!(unfit.parameter, "epsilon");
            assert!(
                unfit.reason.contains("take less than") && !unfit.reason.contains('\n'),
                "{}",
                unfit.reason
            );
        }
    }
}
