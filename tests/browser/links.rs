//! Links that cannot be opened leave a plain sentence and the default view.

use anyhow::Result;
use maec_recipe::{Experiment, Tab, link};
use maec_tests::driver::WebGpu;
use maec_tests::scenario::in_studio;
use serde_json::json;

use crate::page::{ENTER, LEFT, LONG, Page, RIGHT, selector};
use crate::truth::Truth;

/// What a page that takes names for markup would run.
const MARKUP: &str = "<img src=x onerror=hacked=1>";

/// Bad fragments, each with words of the sentence it must get.
fn bad_links(truth: &Truth) -> Vec<(String, &'static str)> {
    let good = truth.link(|experiment| experiment.recipe.parameters.gamma = 0.5);
    let other = Experiment::preset("00000000000000ff", truth.recipe.clone());
    let mut broken = good.clone().into_bytes();
    broken[12] = if broken[12] == b'A' { b'B' } else { b'A' };
    vec![
        ("#nonsense".into(), "does not hold an experiment"),
        (String::from_utf8_lossy(&broken).into_owned(), "was altered"),
        (good[..good.len() - 1].into(), "is cut off"),
        (format!("{}z", &good[..good.len() / 2]), "cut off"),
        (format!("#v1.{}z", "A".repeat(5000)), "more than the 4000 a link can have"),
        (format!("#v1.{}z", "A".repeat(900_000)), "more than the 4000 a link can have"),
        ("#v9.AAAAz".into(), "has version 9"),
        ("#v1.%3Cimg%20src=x%20onerror=hacked=1%3Ez".into(), "which no link does"),
        (truth.link(|experiment| experiment.recipe.parameters.k2 = 1.4), "recipe cannot be used"),
        (truth.link(|experiment| experiment.recipe.parameters.gamma = 1e6), "recipe cannot be used"),
        (
            truth.link(|experiment| experiment.evaluation.problems_per_language = u32::MAX),
            "problems a language",
        ),
        (truth.link(|experiment| experiment.view.focused_tensor = Some("\n".into())), "looks at a tensor"),
        (format!("#{}", link::encode(&other, &other)), "another pack (id 00000000000000ff)"),
        (
            truth.link(|experiment| experiment.recipe.base_model = "another-base".into()),
            "models that the open pack does not have",
        ),
        (
            truth.link(|experiment| experiment.recipe.languages[0].name = "x".repeat(360)),
            "models that the open pack does not have",
        ),
        (
            truth.link(|experiment| experiment.recipe.languages[0].name = MARKUP.into()),
            "models that the open pack does not have",
        ),
        (
            truth.link(|experiment| experiment.recipe.select.exclude.push("model.nothing.*".into())),
            "tensors by hand that the open pack does not have",
        ),
    ]
}

/// The page is as the pack has it, and nothing runs.
async fn is_the_default_view(page: &Page<'_>, truth: &Truth) -> Result<()> {
    assert_eq!(page.slider("k2").await?, (truth.recipe.parameters.k2 * 1e4).round() / 1e2);
    assert_eq!(page.selected().await?, truth.selected(&truth.recipe)?);
    assert_eq!(page.attribute("preset-default", "aria-pressed").await?, "true");
    assert_eq!(page.attribute("results", "data-state").await?, "empty");
    assert_eq!(page.attribute("run", "data-state").await?, "idle");
    assert_eq!(page.fragment().await?, "", "the address still holds the bad link");
    Ok(())
}

#[test]
fn bad_links_leave_a_sentence_and_the_default_view() -> Result<()> {
    in_studio("bad_links", WebGpu::Off, async |session| {
        let truth = Truth::open()?;
        for (bad, words) in bad_links(&truth) {
            let start: String = bad.chars().take(60).collect();
            let page = Page::open(session, &bad, LONG).await?;
            page.wait_for(&selector("notice"), LONG).await?;
            let said: String =
                page.value("return document.querySelector('[data-testid=notice] p').textContent").await?;
            assert!(said.starts_with("This ") && said.contains(words), "{start} got: {said}");
            assert!(said.len() < 300 && said.ends_with('.'), "{start} got: {said}");
            is_the_default_view(&page, &truth).await?;
        }
        Ok(())
    })
}

#[test]
fn a_links_view_outlasts_its_run() -> Result<()> {
    in_studio("view_of_a_link", WebGpu::Off, async |session| {
        let truth = Truth::open()?;
        let link = truth.link(|experiment| {
            experiment.evaluation.problems_per_language = 1;
            experiment.view.tab = Tab::Try;
        });
        let page = Page::open(session, &link, LONG).await?;
        page.evaluated(LONG).await?;
        assert_eq!(page.fragment().await?, link.trim_start_matches('#'));
        let current: String =
            page.value("return document.querySelector('nav [aria-current]').textContent").await?;
        assert_eq!(current, "Try it");
        Ok(())
    })
}

#[test]
fn a_link_pasted_during_a_run_is_evaluated_after_it() -> Result<()> {
    in_studio("link_during_a_run", WebGpu::Off, async |session| {
        let truth = Truth::open()?;
        let page = Page::open(session, "", LONG).await?;
        page.click("merge-evaluate").await?;
        page.wait_for(&selector("progress"), LONG).await?;
        let mut pasted = truth.recipe.clone();
        pasted.parameters.gamma = 0.25;
        let link = truth.link(|experiment| {
            experiment.evaluation.problems_per_language = 1;
            experiment.recipe = pasted.clone();
        });
        page.script(&format!("location.hash = {}", json!(link))).await?;
        page.evaluated(LONG).await?;
        assert_eq!(page.merged::<String>("data-hash").await?, truth.hash(&pasted)?);
        Ok(())
    })
}

#[test]
fn a_bad_link_pasted_into_the_open_page_resets_it() -> Result<()> {
    in_studio("pasted_link", WebGpu::Off, async |session| {
        let truth = Truth::open()?;
        let page = Page::open(session, "", LONG).await?;
        let key = if page.slider("k2").await? >= 50.0 { LEFT } else { RIGHT };
        page.press(&selector("k2-slider"), &key.repeat(3)).await?;
        page.script("location.hash = 'v1.AAAA'").await?;
        page.wait_for(&selector("notice"), LONG).await?;
        is_the_default_view(&page, &truth).await?;
        page.press(&selector("close-notice"), ENTER).await?;
        assert!(!page.has(&selector("notice")).await?);
        Ok(())
    })
}

#[test]
fn markup_in_a_valid_link_stays_text() -> Result<()> {
    in_studio("markup_in_a_link", WebGpu::Off, async |session| {
        let truth = Truth::open()?;
        let hostile = truth.link(|experiment| {
            experiment.evaluation.problems_per_language = 1;
            experiment.view.focused_tensor = Some(MARKUP.into());
        });
        let page = Page::open(session, &hostile, LONG).await?;
        page.evaluated(LONG).await?;
        assert_eq!(page.count("img").await?, 0);
        assert_eq!(page.script("return typeof hacked").await?, json!("undefined"));
        Ok(())
    })
}
