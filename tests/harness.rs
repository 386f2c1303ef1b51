//! The harness itself, on small pages: a test that cannot fail would prove nothing about the studio.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use maec_tests::driver::{Session, WebGpu};
use maec_tests::scenario::in_site;
use serde_json::json;

/// Serves a page that holds `body` and spawns `worker.js`, which holds `worker`.
fn in_page(
    name: &str,
    [body, worker]: [&str; 2],
    web_gpu: WebGpu,
    scenario: impl AsyncFnOnce(&Session) -> Result<()>,
) -> Result<()> {
    let site = tempfile::tempdir().context("a folder for the page")?;
    let spawn = "const worker = new Worker('worker.js', { type: 'module' });\
                 worker.onmessage = ({ data }) => { document.body.dataset.ready = data; };";
    let page = format!(
        "<!doctype html><meta name=viewport content=width=device-width><link rel=icon href=data:,><body>{body}<script>{spawn}</script>"
    );
    fs::write(site.path().join("index.html"), page).context("writing the page")?;
    fs::write(site.path().join("worker.js"), worker).context("writing the worker")?;
    in_site(site.path(), name, web_gpu, scenario)
}

/// Opens the page and waits for the worker's word.
async fn opens(session: &Session) -> Result<()> {
    session.open("").await?;
    session.ready().await
}

const GPU_PROBE: &str = "const adapter = await navigator.gpu?.requestAdapter();\
                         postMessage(adapter ? (adapter.info.isFallbackAdapter ? 'software' : 'hardware') : 'none');";

#[test]
fn a_worker_finds_the_software_adapter() -> Result<()> {
    in_page("software", ["", GPU_PROBE], WebGpu::Software, async |session| {
        opens(session).await?;
        assert_eq!(session.script("return document.body.dataset.ready").await?, json!("software"));
        Ok(())
    })
}

#[test]
fn a_worker_finds_no_adapter_where_webgpu_is_off() -> Result<()> {
    in_page("off", ["", GPU_PROBE], WebGpu::Off, async |session| {
        opens(session).await?;
        assert_eq!(session.script("return document.body.dataset.ready").await?, json!("none"));
        Ok(())
    })
}

#[test]
fn a_shader_fault_in_a_worker_fails_the_scenario() -> Result<()> {
    let worker = "const adapter = await navigator.gpu.requestAdapter();\
                  const device = await adapter.requestDevice();\
                  const module = device.createShaderModule({ code: 'fn broken( {' });\
                  await module.getCompilationInfo();\
                  device.createComputePipeline({ layout: 'auto', compute: { module } });\
                  await device.queue.onSubmittedWorkDone();\
                  setTimeout(() => postMessage('done'), 100);";
    let error = in_page("shader", ["", worker], WebGpu::Software, opens).err().context("it passed")?;
    ensure!(error.to_string().contains("the console holds faults"), "{error:#}");
    Ok(())
}

#[test]
fn an_exception_in_a_worker_fails_the_scenario() -> Result<()> {
    let worker = "postMessage('done'); throw new Error('worker broke');";
    let error = in_page("exception", ["", worker], WebGpu::Off, opens).err().context("it passed")?;
    ensure!(error.to_string().contains("worker broke"), "{error:#}");
    Ok(())
}

#[test]
fn a_failed_assertion_fails_the_scenario_and_leaves_no_browser() -> Result<()> {
    let page = ["", "postMessage('done');"];
    let error = in_page("assertion", page, WebGpu::Off, async |session| {
        opens(session).await?;
        panic!("not what was hoped for");
    });
    ensure!(error.err().context("it passed")?.to_string() == "not what was hoped for");
    in_page("assertion", page, WebGpu::Off, opens)
}

#[test]
fn a_page_that_never_gets_ready_fails_the_scenario() -> Result<()> {
    let error = in_page("silent", ["", ""], WebGpu::Off, async |session| {
        session.open("").await?;
        session.wait_for("body[data-ready]", Duration::from_millis(300)).await.map(|_| ())
    });
    ensure!(error.err().context("it passed")?.to_string().contains("body[data-ready]"));
    Ok(())
}

#[test]
fn downloads_arrive_with_their_bytes() -> Result<()> {
    let body = "<a id=save download=model.bin href='data:application/octet-stream;base64,AAECAw=='>save</a>";
    in_page("download", [body, "postMessage('done');"], WebGpu::Off, async |session| {
        opens(session).await?;
        session.wait_for("#save", Duration::from_secs(1)).await?.click().await?;
        assert_eq!(session.download("model.bin", Duration::from_secs(10)).await?, [0, 1, 2, 3]);
        Ok(())
    })
}

#[test]
fn the_page_sees_the_size_and_the_colours_asked_for() -> Result<()> {
    in_page("look", ["", "postMessage('done');"], WebGpu::Off, async |session| {
        opens(session).await?;
        for (width, scheme) in [(390, "dark"), (1440, "light")] {
            session.look(width, 800, scheme).await?;
            let script =
                format!("return [innerWidth, matchMedia('(prefers-color-scheme: {scheme})').matches]");
            assert_eq!(session.script(&script).await?, json!([width, true]));
        }
        Ok(())
    })
}
