//! The WebGPU engine on Chromium's SOFTWARE adapter, which takes seconds for one forward of the demo model: hence a
//! tiny pack. Proves that every kernel runs and agrees, and that a wrong one is found; its times mean nothing.
//!
//! `tests/packs/tiny` was made by
//! `maec quickstart --settings tests/packs/tiny.json --problems 1 --pack tests/packs/tiny`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use maec_checkpoint::{Weights, convert};
use maec_recipe::Recipe;
use maec_tests::driver::WebGpu;
use maec_tests::scenario::in_studio_with;
use xtask::web::wrong_engine;

use crate::page::{Page, selector};
use crate::truth::Truth;

/// The largest |GPU − CPU| / (1 + |CPU|) that the engine allows its merge.
const MERGE_TOLERANCE: f64 = 1e-5;
/// The largest relative difference of a perplexity.
const PERPLEXITY_TOLERANCE: f64 = 1e-4;
/// A software adapter takes minutes where a graphics card takes seconds.
const VERY_LONG: Duration = Duration::from_secs(300);

/// What must have been compared with the CPU before anything else ran.
const KERNELS: [&str; 8] =
    ["matmul", "rms_norm", "rope", "attention", "swiglu", "decoder", "merge_selected", "merge_unselected"];

fn tiny_pack() -> PathBuf {
    xtask::paths::root().join("tests/packs/tiny")
}

#[test]
fn the_software_adapter_merges_and_evaluates_as_the_cpu_does() -> Result<()> {
    let pack = tiny_pack();
    in_studio_with(&[(&pack, "tiny")], "software_webgpu", WebGpu::Software, async |session| {
        let truth = Truth::of(&pack)?;
        let one = truth.link(|experiment| experiment.evaluation.problems_per_language = 1);
        let address = format!("?pack=tiny&engine=gpu&software=1{one}");
        let page = Page::open(session, &address, VERY_LONG).await?;
        truth.is_served_by(&page).await?;
        assert_eq!(page.value::<String>("return document.body.dataset.engine").await?, "gpu");
        assert_eq!(page.text("engine-why").await?, "The GPU was chosen.");
        kernels_agree(&page).await?;

        page.evaluated(VERY_LONG).await?;
        assert!(!page.has(&selector("notice")).await?, "{}", page.text("notice").await?);
        assert_eq!(page.merged::<String>("data-backend").await?, "wgpu");
        assert!(page.merged::<u64>("data-merge-dispatches").await? > 0, "the merge did not run on the GPU");
        assert!(page.merged::<u64>("data-evaluate-dispatches").await? > 0, "no forward ran on the GPU");
        let difference: f64 = page.merged("data-max-difference").await?;
        let allowed = MERGE_TOLERANCE * (1.0 + largest_merged(&truth, &truth.recipe)?);
        assert!((0.0..=allowed).contains(&difference), "{difference} > {allowed}");
        assert_eq!(page.merged::<String>("data-hash").await?, truth.hash(&truth.recipe)?);
        let on_gpu = Numbers::read(&page).await?;

        let page = Page::open(session, &format!("?pack=tiny&engine=cpu{one}"), VERY_LONG).await?;
        page.evaluated(VERY_LONG).await?;
        assert_eq!(page.merged::<String>("data-backend").await?, "flex");
        Numbers::read(&page).await?.agree_with(&on_gpu);
        Ok(())
    })
}

#[test]
fn a_wrong_kernel_turns_the_gpu_off_and_says_so() -> Result<()> {
    let pack = tiny_pack();
    let wrong = wrong_engine();
    ensure!(wrong.is_dir(), "{} is missing: run `cargo xtask build-web --wrong-engine`", wrong.display());
    let additions = [(pack.as_path(), "tiny"), (wrong.as_path(), "")];
    in_studio_with(&additions, "wrong_kernel", WebGpu::Software, async |session| {
        let page = Page::open(session, "?pack=tiny&engine=gpu&software=1", VERY_LONG).await?;
        assert_eq!(page.value::<String>("return document.body.dataset.engine").await?, "cpu");
        let why = page.text("engine-why").await?;
        assert!(why.contains("rms_norm"), "{why}");
        page.merge_and_evaluate().await?;
        assert_eq!(page.merged::<String>("data-backend").await?, "flex");
        Ok(())
    })
}

/// Every kernel was compared, and is as near to the CPU as it must be.
async fn kernels_agree(page: &Page<'_>) -> Result<()> {
    let rows: Vec<[String; 3]> = page
        .value(
            "return Array.from(document.querySelectorAll('[data-testid=kernel-checks] tbody tr'), \
             row => Array.from(row.cells, cell => cell.dataset.value ?? cell.textContent))",
        )
        .await?;
    let checks: BTreeMap<&str, &[String; 3]> = rows.iter().map(|row| (row[0].as_str(), row)).collect();
    for kernel in KERNELS {
        assert!(checks.contains_key(kernel), "{kernel} was not checked: {:?}", checks.keys());
    }
    for [kernel, difference, allowed] in &rows {
        let (difference, allowed): (f64, f64) = (difference.parse()?, allowed.parse()?);
        assert!(difference <= allowed, "{kernel}: {difference} > {allowed}");
    }
    Ok(())
}

/// The largest absolute value of the merged model.
fn largest_merged(truth: &Truth, recipe: &Recipe) -> Result<f64> {
    let merged = truth.merge(recipe)?;
    let mut largest = 0.0_f64;
    for info in merged.tensors() {
        let values = convert::decode_f32(info.dtype, &merged.read_bytes(&info.name)?)?;
        largest = values.iter().fold(largest, |largest, &value| largest.max(f64::from(value).abs()));
    }
    Ok(largest)
}

/// A results' table in numbers, row by row.
struct Numbers {
    perplexities: Vec<f64>,
    correct: Vec<u32>,
    /// Answers that another machine may give otherwise.
    has_close_calls: bool,
}

impl Numbers {
    async fn read(page: &Page<'_>) -> Result<Self> {
        let all = |datum: &str| {
            format!(
                "return Array.from(document.querySelectorAll('[data-testid=results-table] td[data-{datum}]'), \
                 td => Number(td.dataset.{datum}))"
            )
        };
        let perplexities: Vec<f64> = page.value(&all("value")).await.context("perplexities")?;
        assert!(perplexities.len() >= 3, "{} perplexities", perplexities.len());
        let correct = page.value(&all("correct")).await.context("answers")?;
        Ok(Self { perplexities, correct, has_close_calls: page.has(&selector("close-calls")).await? })
    }

    fn agree_with(&self, other: &Self) {
        assert_eq!(self.perplexities.len(), other.perplexities.len());
        for (own, others) in self.perplexities.iter().zip(&other.perplexities) {
            assert!((own / others - 1.0).abs() <= PERPLEXITY_TOLERANCE, "perplexity {own} and {others}");
        }
        if !self.has_close_calls && !other.has_close_calls {
            assert_eq!(self.correct, other.correct);
        }
    }
}
