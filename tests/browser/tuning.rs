//! Tuning: a search's JSON is drawn and its choice taken by keys, and a search runs to its end on a tiny pack.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use maec_tests::driver::WebGpu;
use maec_tests::scenario::in_studio_with;
use serde_json::Value;

use crate::brought::{choose, press, type_into};
use crate::page::{ENTER, LONG, Page, RIGHT};

fn tune_json() -> std::path::PathBuf {
    xtask::paths::root().join("tests/tuning/tune.json")
}

async fn number(page: &Page<'_>, id: &str) -> Result<f64> {
    page.value(&format!("return Number(document.querySelector('[data-testid={id}]').value)")).await
}

#[test]
fn a_search_is_opened_walked_by_keys_and_its_choice_taken() -> Result<()> {
    let json: Value = serde_json::from_str(&fs::read_to_string(tune_json())?)?;
    let trials = json["trials"].as_array().map_or(0, Vec::len);
    let front = json["pareto"].as_array().map_or(0, Vec::len);
    in_studio_with(&[], "tuning_file", WebGpu::Off, async |session| {
        let page = Page::open(session, "?engine=cpu", LONG).await?;
        // The header leads here, as to the other sections.
        page.press("nav a[href='#tuning']", ENTER).await?;
        page.wait_for("nav a[href='#tuning'][aria-current]", LONG).await?;
        page.wait_for("#tuning:focus", LONG).await?;
        choose(&page, "#tuning-file", &[tune_json()]).await?;
        page.wait_for("#tuning-scatter [role=option]", LONG).await?;
        assert_eq!(page.count("#tuning-scatter [role=option]").await?, trials);
        assert_eq!(page.count("#tuning-scatter .on-front").await?, front);
        let best = format!("#trial-{}", json["best"]);
        ensure!(page.has(&format!("{best}.best[tabindex='0'][aria-selected=true]")).await?, "{best}");
        assert_eq!(
            page.count("#tuning-senses figure").await?,
            json["sensitivity"].as_array().map_or(0, Vec::len)
        );

        // The tables say the same.
        page.script("document.querySelectorAll('#tuning details').forEach(twin => { twin.open = true; })")
            .await?;
        page.wait_for("#tuning-table tbody tr", LONG).await?;
        assert_eq!(page.count("#tuning-table tbody tr").await?, trials);
        page.wait_for("#tuning-senses-table tbody tr", LONG).await?;

        // To the next trial to the right, by keys alone; the number of the one that is looked at follows.
        page.script(&format!("document.querySelector('{best}').focus()")).await?;
        page.press(&best, RIGHT).await?;
        page.wait_for("#tuning-scatter [role=option]:focus[aria-selected=true][tabindex='0']", LONG).await?;
        assert_eq!(page.count("#tuning-scatter [tabindex='0']").await?, 1);
        let walked: String = page.value("return document.activeElement.id.slice(6)").await?;
        let title: String =
            page.value("return document.querySelector('#tuning-look h3').textContent").await?;
        assert_eq!(title, format!("Trial {walked}"));

        page.press("#tuning-use", ENTER).await?;
        let choice = &json["trials"][walked.parse::<usize>()?]["choice"];
        for (name, id) in [("alpha", "alpha"), ("beta", "beta"), ("gamma", "gamma"), ("eta", "eta")] {
            let expected = choice["parameters"][name].as_f64().unwrap_or(f64::NAN);
            let shown = number(&page, &format!("{id}-field")).await?;
            ensure!((shown - expected).abs() < 1e-4, "{name}: {shown} against {expected}");
        }
        let k2 = choice["parameters"]["k2"].as_f64().unwrap_or(f64::NAN) * 100.0;
        ensure!((number(&page, "k2-field").await? - k2).abs() < 0.01, "k2");
        let mu = choice["mu"].as_f64().unwrap_or(f64::NAN);
        for code in ["es", "zh", "bn", "te"] {
            ensure!((number(&page, &format!("mu-{code}-field")).await? - mu).abs() < 1e-4, "mu of {code}");
        }
        Ok(())
    })
}

#[test]
fn a_file_that_is_no_search_is_refused_in_a_sentence() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let (other, long) = (scratch.path().join("other.json"), scratch.path().join("long.json"));
    fs::write(&other, br#"{"version": 1, "trials": "<img src=x onerror=alert(1)>"}"#)?;
    fs::write(&long, " ".repeat((4 << 20) + 1))?;
    in_studio_with(&[], "tuning_refused", WebGpu::Off, async |session| {
        let page = Page::open(session, "?engine=cpu", LONG).await?;
        for (file, said) in [(&other, "no outcome of a search"), (&long, "more than 4.2")] {
            choose(&page, "#tuning-file", std::slice::from_ref(file)).await?;
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            page.wait_for("#tuning-note:not(:empty)", LONG).await?;
            let note = "return document.querySelector('#tuning-note').textContent";
            while !page.value::<String>(note).await?.starts_with(&name) {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            let note: String = page.value(note).await?;
            ensure!(note.contains(said), "{note}");
        }
        ensure!(!page.has("#tuning-scatter").await?, "something is drawn");
        Ok(())
    })
}

#[test]
fn a_search_in_the_tab_ends_and_is_saved_as_it_is_read() -> Result<()> {
    let pack = xtask::paths::root().join("tests/packs/tiny");
    let scratch = tempfile::tempdir()?;
    in_studio_with(&[(&pack, "tiny")], "tuning_search", WebGpu::Off, async |session| {
        let page = Page::open(session, "?pack=tiny&engine=cpu", LONG).await?;
        type_into(&page, "#tuning-candidates", "3").await?;
        type_into(&page, "#tuning-gamma-low", "2").await?;
        type_into(&page, "#tuning-gamma-high", "1").await?;
        page.wait_for("#tuning-go[disabled]", LONG).await?;
        type_into(&page, "#tuning-gamma-high", "2.5").await?;
        page.press("#tuning-go:not([disabled])", ENTER).await?;
        page.wait_for("#tuning-save", LONG).await?;
        assert_eq!(page.count("#tuning-scatter [role=option]").await?, 3);
        press(&page, "#tuning-save").await?;
        let id: String = page.text("pack-id").await?;
        let name = format!("tune-{id}.json");
        let bytes = session.download(&name, LONG).await?;
        let saved: Value = serde_json::from_slice(&bytes)?;
        assert_eq!(saved["plan"]["exam"]["set"], "validation");
        assert_eq!(saved["plan"]["pack"], id.as_str());
        assert_eq!(saved["trials"].as_array().map(Vec::len), Some(3));
        for trial in saved["trials"].as_array().into_iter().flatten() {
            let gamma = trial["choice"]["parameters"]["gamma"].as_f64().unwrap_or(f64::NAN);
            ensure!((2.0..=2.5).contains(&gamma), "{trial}");
            let ratio = trial["seeds"][0]["perplexity"].as_f64().unwrap_or(f64::NAN)
                / saved["base"][0]["perplexity"].as_f64().unwrap_or(f64::NAN);
            ensure!(
                (trial["perplexity_ratio"].as_f64().unwrap_or(f64::NAN) - ratio).abs() < 1e-12,
                "{trial}"
            );
        }

        // What was saved is drawn again.
        let file = scratch.path().join(name);
        fs::write(&file, bytes)?;
        choose(&page, "#tuning-file", &[file]).await?;
        while page.has("#tuning-save").await? {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(page.count("#tuning-scatter [role=option]").await?, 3);
        Ok(())
    })
}

#[test]
fn a_pack_without_validation_problems_offers_no_search() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let pack = without_validation(&xtask::paths::root().join("tests/packs/tiny"), scratch.path())?;
    in_studio_with(&[(&pack, "old")], "tuning_none", WebGpu::Off, async |session| {
        let page = Page::open(session, "?pack=old&engine=cpu", LONG).await?;
        page.wait_for("#tuning-none", LONG).await?;
        ensure!(!page.has("#tuning-go").await?, "a search is offered");
        Ok(())
    })
}

/// The pack as it was made before packs had validation problems.
fn without_validation(pack: &Path, scratch: &Path) -> Result<std::path::PathBuf> {
    let folder = scratch.join("old");
    fs::create_dir_all(folder.join("deltas"))?;
    let mut manifest: Value = serde_json::from_slice(&fs::read(pack.join("manifest.json"))?)?;
    let fields = manifest.as_object_mut().into_iter();
    fields.for_each(|fields| drop(fields.remove("validation")));
    let files = manifest["files"].as_object_mut().into_iter();
    files.for_each(|files| drop(files.remove("validation.jsonl")));
    for path in manifest["files"].as_object().into_iter().flat_map(|files| files.keys()) {
        fs::copy(pack.join(path), folder.join(path))?;
    }
    fs::write(folder.join("manifest.json"), manifest.to_string())?;
    Ok(folder)
}
