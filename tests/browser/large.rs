//! A merge of two gigabytes in the tab: its renderer's memory stays small, its files are the companion's.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use maec_tests::driver::WebGpu;
use maec_tests::memory::{Watch, renderers};
use maec_tests::scenario::in_studio_with;
use serde_json::json;

use crate::brought::press;
use crate::files::{NO_PICKER, PICKED, companion, listed, open, planned, write_yaml};
use crate::page::{LONG, Page};

/// The most that the renderer may take for a merge, beyond what it takes when idle.
const MOST: u64 = 256 << 20;
/// A busy machine's time for some gigabytes.
const VERY_LONG: Duration = Duration::from_secs(300);

/// A model whose weights are zeros that take no room on the disk, but for some values in each tensor. bf16.
fn sparse(folder: &Path, layers: u64, seed: u32) -> Result<u64> {
    let (width, inner) = (2048, 8192);
    let mut shapes = vec![("model.embed_tokens.weight".to_owned(), [32_000, width])];
    for layer in 0..layers {
        for (part, rows, columns) in [
            ("self_attn.q_proj", width, width),
            ("self_attn.k_proj", 512, width),
            ("self_attn.v_proj", 512, width),
            ("self_attn.o_proj", width, width),
            ("mlp.gate_proj", inner, width),
            ("mlp.up_proj", inner, width),
            ("mlp.down_proj", width, inner),
        ] {
            shapes.push((format!("model.layers.{layer}.{part}.weight"), [rows, columns]));
        }
    }
    let (mut header, mut end, mut begins) = (serde_json::Map::new(), 0, Vec::new());
    for (name, shape) in shapes {
        let begin = end;
        end += 2 * shape.iter().product::<u64>();
        begins.push(begin);
        header.insert(name, json!({ "dtype": "BF16", "shape": shape, "data_offsets": [begin, end] }));
    }
    let header = serde_json::to_vec(&header)?;
    fs::create_dir_all(folder)?;
    let mut file = File::create(folder.join("model.safetensors"))?;
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    let data = 8 + header.len() as u64;
    file.set_len(data + end)?;
    let mut state = seed;
    for begin in begins {
        let some: Vec<u8> = (0..2048)
            .flat_map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Between 0.5 and 2, of either sign.
                [(state >> 8) as u8, 0x3F | (state >> 24) as u8 & 0x80]
            })
            .collect();
        file.seek(SeekFrom::Start(data + begin + u64::from(seed) * 512))?;
        file.write_all(&some)?;
    }
    let config = json!({
        "model_type": "llama", "vocab_size": 32_000, "hidden_size": width, "intermediate_size": inner,
        "num_hidden_layers": layers, "num_attention_heads": 16, "num_key_value_heads": 4, "head_dim": 128,
        "tie_word_embeddings": true, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
    });
    fs::write(folder.join("config.json"), config.to_string())?;
    Ok(end)
}

const LINEAR: &str = "merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: 0.25}}\n  \
                      - {model: b, parameters: {weight: 0.75}}\ndtype: bfloat16\n";

#[test]
fn a_merge_of_two_gigabytes_takes_little_memory() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let (folder, out) = (scratch.path().join("all"), scratch.path().join("out"));
    let bytes = sparse(&folder.join("a"), 16, 1)?;
    sparse(&folder.join("b"), 16, 2)?;
    ensure!(bytes > 2_000_000_000, "{bytes} bytes are no two gigabytes");
    let expected = companion(&folder, LINEAR, &out)?;
    let length = fs::metadata(out.join("model.safetensors"))?.len();
    fs::remove_dir_all(&out)?;
    in_studio_with(&[], "files_large", WebGpu::Off, async |session| {
        let page = Page::open(session, "?engine=cpu", LONG).await?;
        page.script(PICKED).await?;
        open(&page, &folder, 2).await?;
        page.wait_for("#files-method option", LONG).await?;
        write_yaml(&page, LINEAR).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        planned(&page).await?;
        let root = session.process().context("the browser runs")?;
        let idle = renderers(root)?;
        ensure!(idle > 0, "no renderer was found");
        let (watch, begun) = (Watch::start(root), Instant::now());
        press(&page, "#files-write").await?;
        page.wait_for("#files-written", VERY_LONG).await?;
        let (took, most) = (begun.elapsed().as_secs_f64(), watch.stop()?);
        let hash: String = page.value("return document.querySelector('#files-written').dataset.hash").await?;
        assert_eq!(hash, expected);
        let written = listed(session, "picked").await?;
        let weights = written.iter().find(|file| file.0 == "model.safetensors").context("weights")?;
        // The headers differ in what they say of the inputs' places.
        ensure!(weights.1.abs_diff(length) < 4096, "{} bytes against {length}", weights.1);
        let said: String = page.value("return document.querySelector('#files-written').innerText").await?;
        let extra = most.saturating_sub(idle);
        report(&format!(
            "{:.2} GB read, {:.2} GB written in {took:.1} s, {:.2} GB/s; renderer: idle {} MiB, at most {} MiB, {} MiB more\n{said}",
            2.0 * bytes as f64 / 1e9,
            bytes as f64 / 1e9,
            3.0 * bytes as f64 / 1e9 / took,
            idle >> 20,
            most >> 20,
            extra >> 20,
        ));
        ensure!(extra < MOST, "the merge took {} MiB more than the idle page", extra >> 20);
        Ok(())
    })
}

#[test]
fn a_cancelled_merge_leaves_no_file() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().join("all");
    sparse(&folder.join("a"), 8, 1)?;
    sparse(&folder.join("b"), 8, 2)?;
    in_studio_with(&[], "files_cancelled", WebGpu::Off, async |session| {
        let page = Page::open(session, "?engine=cpu", LONG).await?;
        page.script(NO_PICKER).await?;
        open(&page, &folder, 2).await?;
        page.wait_for("#files-method option", LONG).await?;
        write_yaml(&page, LINEAR).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        planned(&page).await?;
        press(&page, "#files-write").await?;
        page.wait_for("[data-testid=files-progress] [aria-valuenow]", LONG).await?;
        press(&page, "#files-cancel").await?;
        page.wait_for("#files-note:not(:empty)", LONG).await?;
        let said: String = page.value("return document.querySelector('#files-note').textContent").await?;
        ensure!(said.contains("Stopped"), "{said}");
        let left = listed(session, "merged").await?;
        ensure!(left.is_empty(), "left: {left:?}");
        Ok(())
    })
}

/// Keeps the worker that was spoken to last within reach.
const WITHIN_REACH: &str = "const post = Worker.prototype.postMessage;\
    Worker.prototype.postMessage = function (...all) { window.last = this; return post.apply(this, all); };";

/// Ends that worker as an engine that fails by itself: nothing of it goes on, and the page hears an error.
const ENDED: &str = "window.last.terminate();\
    window.last.dispatchEvent(new ErrorEvent('error', { message: 'Uncaught RuntimeError: unreachable' }))";

#[test]
fn a_worker_that_ends_in_a_merge_leaves_nothing_half_written_and_the_next_merge_ends() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let (folder, out) = (scratch.path().join("all"), scratch.path().join("out"));
    sparse(&folder.join("a"), 8, 1)?;
    sparse(&folder.join("b"), 8, 2)?;
    let expected = companion(&folder, LINEAR, &out)?;
    fs::remove_dir_all(&out)?;
    for (picker, place) in [(PICKED, "picked"), (NO_PICKER, "merged")] {
        let name = format!("files_ended_{place}");
        in_studio_with(&[], &name, WebGpu::Off, async |session| {
            let page = Page::open(session, "?engine=cpu", LONG).await?;
            page.script(picker).await?;
            page.script(WITHIN_REACH).await?;
            open(&page, &folder, 2).await?;
            page.wait_for("#files-method option", LONG).await?;
            write_yaml(&page, LINEAR).await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            planned(&page).await?;
            press(&page, "#files-write").await?;
            page.wait_for("[data-testid=files-progress] [aria-valuenow]", LONG).await?;
            page.script(ENDED).await?;
            page.wait_for("#files-note:not(:empty)", LONG).await?;
            let said: String = page.value("return document.querySelector('#files-note').textContent").await?;
            ensure!(said.contains("stopped in the middle") && said.lines().count() == 1, "{said}");
            ensure!(!page.has("#files-written").await?, "a merge that ended offers files");
            if place == "picked" {
                let whole = |file: &&(String, u64)| file.1 > 0 && !file.0.ends_with(".crswap");
                let left = listed(session, place).await?;
                ensure!(!left.iter().any(|file| whole(&file)), "left: {left:?}");
            }
            planned(&page).await?;
            press(&page, "#files-write").await?;
            page.wait_for("#files-written", VERY_LONG).await?;
            let hash: String =
                page.value("return document.querySelector('#files-written').dataset.hash").await?;
            assert_eq!(hash, expected);
            Ok(())
        })?;
    }
    Ok(())
}

#[allow(clippy::print_stdout)] // the figures are worth reading
fn report(text: &str) {
    println!("{text}");
}
