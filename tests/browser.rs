//! The studio in real Chromium: with WebGPU off, and on the software adapter.

use anyhow::Result;
use maec_tests::driver::{Session, WebGpu};
use maec_tests::scenario::in_studio;

/// Opens the page and waits until it can be used.
async fn opens(session: &Session) -> Result<()> {
    session.open("").await?;
    session.ready().await
}

#[test]
fn opens_without_webgpu() -> Result<()> {
    in_studio("opens_without_webgpu", WebGpu::Off, opens)
}

#[test]
fn opens_on_the_software_adapter() -> Result<()> {
    in_studio("opens_on_the_software_adapter", WebGpu::Software, opens)
}
