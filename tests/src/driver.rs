//! One Chromium, steered through chromedriver over WebDriver.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::log::Entry;

/// What the page finds when it asks for WebGPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebGpu {
    /// Chromium's software adapter, as on a machine without a GPU.
    Software,
    /// No adapter. (Chromium has no switch that takes `navigator.gpu` itself away.)
    Off,
}

impl WebGpu {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Software => &["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"],
            Self::Off => &["--disable-gpu"],
        }
    }
}

/// For every visitor: no window, no first-run pages, no calls home.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1440,900",
];

/// How long the page may take to become usable, on a busy machine.
const READY: Duration = Duration::from_secs(30);

/// A browser with a fresh profile, and the address of the studio.
pub struct Session {
    /// The page: find, click, type, run scripts.
    pub page: Client,
    base: String,
    driver: Child,
    folder: TempDir,
}

impl Session {
    /// Starts chromedriver on a free port and a fresh Chromium under it, for the studio at `base`.
    ///
    /// # Errors
    /// When Chromium or chromedriver is missing or does not start.
    pub async fn start(base: &str, web_gpu: WebGpu) -> Result<Self> {
        let found = xtask::setup::find_browser()
            .context("chromium or chromedriver is not in PATH: run `cargo xtask setup`")?;
        let (driver, port) = start_driver(&found.driver).await?;
        let folder = tempfile::tempdir().context("a folder for the profile")?;
        let mut arguments: Vec<String> =
            FLAGS.iter().chain(web_gpu.flags()).map(ToString::to_string).collect();
        arguments.push(format!("--user-data-dir={}", folder.path().join("profile").display()));
        let capabilities = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "binary": found.browser,
                "args": arguments,
                "prefs": { "download.default_directory": folder.path().join("downloads") },
            },
        });
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().cloned().unwrap_or_default())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .context("starting Chromium")?;
        Ok(Self { page, base: base.to_owned(), driver, folder })
    }

    /// Opens the studio, with `fragment` (a link's `#…`, or nothing).
    pub async fn open(&self, fragment: &str) -> Result<()> {
        self.page.goto(&format!("{}{fragment}", self.base)).await.context("opening the studio")
    }

    /// Waits until the page has set `data-ready` on its body: it can be used.
    pub async fn ready(&self) -> Result<()> {
        self.wait_for("body[data-ready]", READY).await.map(|_| ())
    }

    /// Waits for an element.
    pub async fn wait_for(&self, css: &str, at_most: Duration) -> Result<fantoccini::elements::Element> {
        let wait = self.page.wait().at_most(at_most).for_element(Locator::Css(css));
        wait.await.with_context(|| format!("waiting {} s for `{css}`", at_most.as_secs()))
    }

    /// Runs a script's body in the page and returns what it returns.
    pub async fn script(&self, body: &str) -> Result<Value> {
        self.page.execute(body, Vec::new()).await.with_context(|| format!("running `{body}`"))
    }

    /// Where the page's downloads lie.
    pub fn downloads(&self) -> PathBuf {
        self.folder.path().join("downloads")
    }

    /// Waits until the download `name` is complete and returns its bytes.
    pub async fn download(&self, name: &str, at_most: Duration) -> Result<Vec<u8>> {
        let path = self.downloads().join(name);
        // Chromium writes to another name and renames.
        let complete = async {
            while !path.is_file() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(at_most, complete).await.with_context(|| format!("waiting for the download {name}"))?;
        std::fs::read(&path).with_context(|| format!("reading {}", path.display()))
    }

    /// Sets the viewport's width and height in CSS pixels, and the colour scheme (`light` or `dark`).
    pub async fn look(&self, width: u32, height: u32, colour_scheme: &str) -> Result<()> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await?;
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": colour_scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await.map(|_| ())
    }

    /// Saves what the page looks like.
    pub async fn screenshot(&self, path: &Path) -> Result<()> {
        let png = self.page.screenshot().await.context("taking a screenshot")?;
        std::fs::write(path, png).with_context(|| format!("writing {}", path.display()))
    }

    /// What was logged since the last call, by the page and its workers.
    pub async fn log(&self) -> Result<Vec<Entry>> {
        let answer = self.vendor("se/log", json!({ "type": "browser" })).await.context("reading the log")?;
        Ok(Entry::all_of(&answer))
    }

    /// A command of Chromium's own developer tools.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Result<Value> {
        let body = json!({ "cmd": command, "params": parameters });
        self.vendor("goog/cdp/execute", body).await.with_context(|| format!("running {command}"))
    }

    async fn vendor(&self, path: &'static str, body: Value) -> Result<Value> {
        Ok(self.page.issue_cmd(Vendor { path, body }).await?)
    }

    /// The process from which Chromium's processes descend.
    pub fn process(&self) -> Option<u32> {
        self.driver.id()
    }

    /// Ends Chromium and chromedriver.
    pub async fn close(mut self) -> Result<()> {
        self.page.close().await.context("closing Chromium")?;
        self.driver.kill().await.context("ending chromedriver")
    }
}

/// Starts chromedriver, which takes a free port and says which.
async fn start_driver(program: &Path) -> Result<(Child, u16)> {
    let mut said = String::new();
    // The port is free on IPv4 but may be taken on IPv6, where chromedriver wants it too.
    for _ in 0..5 {
        let mut driver = Command::new(program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let mut lines = BufReader::new(driver.stdout.take().context("chromedriver's output")?).lines();
        said.clear();
        while let Some(line) =
            timeout(READY, lines.next_line()).await.context("chromedriver does not start")??
        {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                let port = port.trim_end_matches('.').parse().context("chromedriver's port")?;
                // Read on, so that chromedriver never waits for a full pipe.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok((driver, port));
            }
            said = line;
        }
    }
    bail!("chromedriver does not start: {said}")
}

/// A command that chromedriver adds to WebDriver: a POST to the session's `path`.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
