//! A link carries the whole experiment to a browser that has never seen it.

use anyhow::{Context, Result};
use maec_recipe::{ResultsMetric, link};
use maec_tests::driver::WebGpu;
use maec_tests::scenario::in_studio;

use crate::page::{ENTER, LEFT, LONG, Page, RIGHT, selector};
use crate::truth::Truth;

/// Longest link of the demo pack, the `#` included.
const LONGEST: usize = 400;

/// What two visitors must both see.
#[derive(Debug, PartialEq)]
struct Seen {
    selected: Vec<String>,
    hash: String,
    table: String,
    metric: String,
    k2: f64,
    gamma: f64,
}

async fn look(page: &Page<'_>) -> Result<Seen> {
    Ok(Seen {
        selected: page.selected().await?.into_iter().collect(),
        hash: page.merged("data-hash").await?,
        table: page.table().await?,
        metric: page.value("return document.querySelector('[data-testid^=metric-]:checked').value").await?,
        k2: page.slider("k2").await?,
        gamma: page.slider("gamma").await?,
    })
}

#[test]
fn a_shared_link_reopens_the_experiment_in_a_fresh_profile() -> Result<()> {
    let truth = Truth::open()?;
    let mut shared = None;
    in_studio("shares", WebGpu::Off, async |session| {
        let page = Page::open(session, "", LONG).await?;
        truth.is_served_by(&page).await?;
        let key = if page.slider("k2").await? >= 50.0 { LEFT } else { RIGHT };
        page.press(&selector("k2-slider"), &key.repeat(7)).await?;
        page.press(&selector("gamma-slider"), &LEFT.repeat(2)).await?;
        let name = page.selected().await?.pop_first().context("a selected tensor")?;
        page.press(&format!("[data-tensor=\"{name}\"]"), ENTER).await?;
        page.choose("problems-25").await?;
        page.merge_and_evaluate().await?;
        page.choose("metric-perplexity").await?;
        page.click("share").await?;
        page.wait_for(&selector("toast"), LONG).await?;
        let fragment = page.fragment().await?;
        assert!(fragment.len() < LONGEST, "{} characters: {fragment}", fragment.len() + 1);

        let experiment = link::decode(&fragment, &truth.preset())?.experiment;
        assert_eq!(experiment.evaluation.problems_per_language, 25);
        assert_eq!(experiment.view.results_metric, ResultsMetric::Perplexity);
        assert_eq!(experiment.recipe.select.exclude, [name]);
        let seen = look(&page).await?;
        assert_eq!(seen.hash, truth.hash(&experiment.recipe)?);
        shared = Some((fragment, seen));
        Ok(())
    })?;
    let (fragment, sent) = shared.context("a link")?;
    in_studio("reopens", WebGpu::Off, async |session| {
        let page = Page::open(session, &format!("#{fragment}"), LONG).await?;
        page.evaluated(LONG).await?;
        assert!(!page.has(&selector("notice")).await?, "{}", page.text("notice").await?);
        assert_eq!(look(&page).await?, sent);
        assert_eq!(page.fragment().await?, fragment);
        Ok(())
    })
}

#[test]
fn the_address_follows_the_controls_once_it_holds_a_link() -> Result<()> {
    in_studio("address_follows", WebGpu::Off, async |session| {
        let truth = Truth::open()?;
        let page = Page::open(session, "", LONG).await?;
        let key = if page.slider("k2").await? >= 50.0 { LEFT } else { RIGHT };
        page.press(&selector("k2-slider"), key).await?;
        assert_eq!(page.fragment().await?, "", "the address stays clean until the first share");
        page.click("share").await?;
        let first = page.fragment().await?;
        page.press(&selector("k2-slider"), key).await?;
        let second = page.fragment().await?;
        assert_ne!(first, second);
        let experiment = link::decode(&second, &truth.preset())?.experiment;
        assert_eq!(experiment.recipe.parameters.k2, page.slider("k2").await? / 100.0);
        Ok(())
    })
}
