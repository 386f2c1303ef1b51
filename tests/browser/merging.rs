//! Merge and evaluation on the CPU.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use maec_tests::driver::WebGpu;
use maec_tests::scenario::in_studio;
use serde_json::{Value, json};

use crate::page::{LONG, Page, selector};
use crate::truth::Truth;

#[test]
fn merges_to_the_native_bytes_and_evaluates_every_language() -> Result<()> {
    in_studio("merges_and_evaluates", WebGpu::Off, async |session| {
        let truth = Truth::open()?;
        let page = Page::open(session, "", LONG).await?;
        truth.is_served_by(&page).await?;
        page.choose("problems-25").await?;
        page.merge_and_evaluate().await?;

        let hash = truth.hash(&truth.recipe)?;
        assert_eq!(page.merged::<String>("data-hash").await?, hash);
        assert_eq!(page.text("hash").await?, format!("{}…", &hash[..12]));
        assert_eq!(page.merged::<String>("data-backend").await?, "flex");
        assert_eq!(page.merged::<u64>("data-merge-dispatches").await?, 0);
        assert_eq!(page.merged::<u64>("data-evaluate-dispatches").await?, 0);
        let selected = truth.selected(&truth.recipe)?;
        assert_eq!(page.merged::<usize>("data-selected").await?, selected.len());
        shows_all_languages(&page, &truth, 25).await?;
        shows_the_companions_numbers(&page, &companion(25)?).await
    })
}

/// Has the engine merge γ = 0 between the run's merge and its evaluation, as another part of the page may.
const MERGE_BETWEEN: &str = "const post = Worker.prototype.postMessage;\
    let other = null;\
    Worker.prototype.postMessage = function (message, ...rest) {\
        const { body } = JSON.parse(message[0]);\
        if (body.merge) { other = structuredClone(body.merge.recipe); other.parameters.gamma = 0; }\
        if (body.evaluate) {\
            window.between = (window.between ?? 0) + 1;\
            post.call(this, [JSON.stringify({ id: 4000000000, body: { merge: { recipe: other } } })]);\
        }\
        return post.call(this, message, ...rest);\
    };";

#[test]
fn another_merge_between_merge_and_evaluation_changes_no_number() -> Result<()> {
    in_studio("merge_between", WebGpu::Off, async |session| {
        let mut tables = Vec::new();
        for script in ["", MERGE_BETWEEN] {
            let page = Page::open(session, "", LONG).await?;
            page.script(script).await?;
            page.choose("problems-25").await?;
            page.merge_and_evaluate().await?;
            assert_eq!(page.value::<u32>("return window.between ?? 0").await?, u32::from(!script.is_empty()));
            tables.push(page.table().await?);
        }
        assert_eq!(tables[0], tables[1]);
        Ok(())
    })
}

/// What `maec verify packs/demo --evaluate N` says.
fn companion(n: u32) -> Result<Value> {
    let program = xtask::paths::target().join("debug/maec");
    ensure!(program.is_file(), "{} is missing: run `cargo build --workspace --bin maec`", program.display());
    let output = Command::new(program)
        .args(["verify", "packs/demo", "--json", "--evaluate", &n.to_string()])
        .current_dir(xtask::paths::root())
        .output()
        .context("running maec")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("maec's JSON")
}

/// Perplexities within 1e-4, answers equal but for those that both logits leave open.
async fn shows_the_companions_numbers(page: &Page<'_>, companion: &Value) -> Result<()> {
    assert_eq!(page.merged::<String>("data-hash").await?, companion["merged_hash"].as_str().unwrap_or(""));
    for (index, row) in ["Base", "Task vector", "MAEC"].iter().enumerate() {
        let languages = companion["results"][index]["languages"].as_array().context("languages")?;
        let cells = async |metric: &str, datum: &str| -> Result<Vec<f64>> {
            let css = format!(
                "[data-testid=results-table] tbody[data-metric={metric}] tr[data-row=\"{row}\"] td[data-{datum}]"
            );
            let css = json!(css);
            page.value(&format!(
                "return Array.from(document.querySelectorAll({css}), td => Number(td.dataset.{datum}))"
            ))
            .await
        };
        let (correct, perplexities) =
            (cells("accuracy", "correct").await?, cells("perplexity", "value").await?);
        for ((language, correct), perplexity) in languages.iter().zip(correct).zip(perplexities) {
            let expected = |field: &str| language[field].as_f64().with_context(|| field.to_owned());
            let open = language["close_calls"].as_array().context("close calls")?.len() as f64;
            let name = &language["language"];
            let answers = (correct - expected("correct")?).abs();
            ensure!(answers <= open, "{row}, {name}: {correct} right answers, the companion {language}");
            let ratio = perplexity / expected("perplexity")?;
            ensure!(
                (ratio - 1.0).abs() <= 1e-4,
                "{row}, {name}: perplexity {perplexity}, the companion {language}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_cancelled_run_changes_nothing_and_the_next_one_ends() -> Result<()> {
    in_studio("cancels", WebGpu::Off, async |session| {
        let page = Page::open(session, "", LONG).await?;
        page.click("merge-evaluate").await?;
        // Cancel where the work is long: in the evaluation.
        session.wait_for("[data-testid=progress] [aria-valuenow]", LONG).await?;
        page.click("cancel").await?;
        session.wait_for("[data-testid=run][data-state=idle]", LONG).await?;
        assert_eq!(page.text("toast").await?, "Cancelled. Nothing was changed.");
        assert_eq!(page.attribute("results", "data-state").await?, "empty");
        assert!(!page.has(&selector("merged")).await?, "a cancelled merge is shown");

        page.choose("problems-25").await?;
        page.merge_and_evaluate().await
    })
}

/// The table has a column for every language, and in every measured row a number of each.
async fn shows_all_languages(page: &Page<'_>, truth: &Truth, n: u32) -> Result<()> {
    let languages = &truth.pack.manifest().languages;
    let heads: Vec<String> = page
        .value("return Array.from(document.querySelectorAll('[data-testid=results-table] thead th'), th => th.textContent)")
        .await?;
    let named: Vec<&str> = languages.iter().map(|language| language.name.as_str()).collect();
    assert_eq!(heads[1..=languages.len()], named);
    for row in ["Base", "Task vector", "MAEC"] {
        let cells = |metric: &str, datum: &str| {
            let css = format!(
                "[data-testid=results-table] tbody[data-metric={metric}] tr[data-row=\"{row}\"] td[data-{datum}]"
            );
            format!(
                "return Array.from(document.querySelectorAll({}), td => Number(td.dataset.{datum}))",
                json!(css)
            )
        };
        let asked: Vec<u32> = page.value(&cells("accuracy", "n")).await.context(row)?;
        assert_eq!(asked, vec![n; languages.len()], "{row}");
        let correct: Vec<u32> = page.value(&cells("accuracy", "correct")).await?;
        assert!(
            correct.len() == languages.len() && correct.iter().all(|&count| count <= n),
            "{row}: {correct:?}"
        );
        let perplexities: Vec<f64> = page.value(&cells("perplexity", "value")).await?;
        assert_eq!(perplexities.len(), languages.len(), "{row}");
        assert!(
            perplexities.iter().all(|value| value.is_finite() && *value > 1.0),
            "{row}: {perplexities:?}"
        );
    }
    Ok(())
}
