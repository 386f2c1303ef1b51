//! A look inside models: the heat map, its keys, and the filters that its cells set.

use anyhow::{Result, ensure};
use maec_tests::driver::WebGpu;
use maec_tests::scenario::in_studio_with;

use crate::brought::{press, type_into};
use crate::files::{open, planned, three};
use crate::page::{ENTER, LONG, Page, RIGHT};

/// The down arrow.
const DOWN: &str = "\u{E015}";

async fn pick(page: &Page<'_>, css: &str, value: &str) -> Result<()> {
    page.script(&format!(
        "const select = document.querySelector('{css}'); select.value = {}; select.dispatchEvent(new Event('change'))",
        serde_json::json!(value)
    ))
    .await
    .map(|_| ())
}

#[test]
fn cells_lead_to_tensors_and_filters_by_mouse_and_by_keys() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().join("all");
    three(&folder)?;
    in_studio_with(&[], "inside", WebGpu::Off, async |session| {
        let page = Page::open(session, "?engine=cpu", LONG).await?;
        open(&page, &folder, 3).await?;
        page.wait_for("#files-method option", LONG).await?;
        press(&page, "#inside-look").await?;
        page.wait_for("#inside-map td[data-tensor]", LONG).await?;
        // Three layers of nine kinds, the embedding and the last norm.
        assert_eq!(page.count("#inside-map td[data-tensor]").await?, 3 * 9 + 2);
        assert_eq!(page.count("#inside-map td[tabindex=\"0\"]").await?, 1);
        assert_eq!(page.count("#inside-model option").await?, 2, "the base is compared with two models");
        let legend = "return document.querySelector('.inside-legend').innerText";
        let before: String = page.value(legend).await?;
        pick(&page, "#inside-metric", "cosine").await?;
        page.wait_for("#inside-map.signed, #inside-map:not(.signed)", LONG).await?;
        let after: String = page.value(legend).await?;
        ensure!(before != after, "another metric has the same scale: {after}");

        page.script("document.querySelector('#heat-0-0').focus()").await?;
        page.press("#heat-0-0", RIGHT).await?;
        page.press("#heat-0-1:focus", DOWN).await?;
        page.press("#heat-1-1:focus", ENTER).await?;
        page.wait_for("#inside-tensor", LONG).await?;
        let tensor = "return document.querySelector('#inside-tensor h4 code').textContent";
        assert_eq!(page.value::<String>(tensor).await?, "model.layers.1.self_attn.q_proj.weight");
        assert_eq!(page.count("#inside-map td[tabindex=\"0\"]").await?, 1);
        ensure!(page.count(".inside-histograms figure").await? == 2, "a histogram for each model");

        press(&page, "#heat-2-7").await?;
        page.wait_for("#inside-tensor", LONG).await?;
        assert_eq!(page.value::<String>(tensor).await?, "model.layers.2.mlp.up_proj.weight");
        pick(&page, "#inside-reach", ".mlp.up_proj.weight").await?;
        let matches: String =
            page.value("return document.querySelector('#inside-matches').textContent").await?;
        ensure!(matches.contains("3 tensors"), "{matches}");
        type_into(&page, "#inside-value", "0.25").await?;
        press(&page, "#inside-add").await?;
        let has =
            "return document.querySelector('#files-yaml').value.includes('filter: .mlp.up_proj.weight')";
        while !page.value::<bool>(has).await? {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        planned(&page).await
    })
}
