//! The page opens, and says which engine it has and why.

use anyhow::Result;
use maec_tests::driver::{Session, WebGpu};
use maec_tests::scenario::in_studio;

use crate::page::{LONG, Page};
use crate::truth::Truth;

/// Opens on the CPU with the repository's pack, and says `why`.
async fn opens_on_the_cpu(session: &Session, why: &str) -> Result<()> {
    let truth = Truth::open()?;
    let page = Page::open(session, "", LONG).await?;
    truth.is_served_by(&page).await?;
    assert_eq!(page.value::<String>("return document.body.dataset.engine").await?, "cpu");
    assert_eq!(page.attribute("engine-chip", "data-state").await?, "ready");
    assert_eq!(page.text("engine-chip").await?, "Engine: CPU, ready");
    let said = page.text("engine-why").await?;
    assert!(said.contains(why) && said.ends_with("so the CPU computes."), "{said}");
    assert_eq!(page.attribute("engine-chip", "title").await?, said);
    // A plain visit computes nothing that was not asked for.
    assert_eq!(page.attribute("results", "data-state").await?, "empty");
    assert_eq!(page.attribute("run", "data-state").await?, "idle");
    assert_eq!(page.fragment().await?, "");
    assert_eq!(page.selected().await?, truth.selected(&truth.recipe)?);
    Ok(())
}

#[test]
fn opens_without_webgpu() -> Result<()> {
    in_studio("opens_without_webgpu", WebGpu::Off, async |session| {
        opens_on_the_cpu(session, "found no graphics card").await
    })
}

#[test]
fn a_software_adapter_counts_as_no_graphics_card() -> Result<()> {
    in_studio("software_counts_as_none", WebGpu::Software, async |session| {
        opens_on_the_cpu(session, "only a software adapter").await
    })
}
