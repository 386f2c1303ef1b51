//! A static file server for this machine: what any static host does with `dist/`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, ensure};
use tiny_http::{Header, Method, Request, Response, StatusCode};

use crate::paths;

/// Browsers open about six connections at once.
const WORKERS: usize = 6;

/// A running server; it stops when dropped.
pub struct StaticServer {
    server: Arc<tiny_http::Server>,
    address: SocketAddr,
    workers: Vec<JoinHandle<()>>,
}

impl StaticServer {
    /// Serves the files under `folder` on `127.0.0.1:port`; port 0 takes a free one.
    ///
    /// # Errors
    /// When `folder` does not exist or the port is taken.
    pub fn start(folder: &Path, port: u16) -> Result<Self> {
        let folder = fs::canonicalize(folder)
            .with_context(|| format!("{} is missing: run `cargo xtask build-web` first", folder.display()))?;
        let server = tiny_http::Server::http(("127.0.0.1", port)).map_err(|error| {
            anyhow::anyhow!("port {port} on 127.0.0.1: {error}; choose another with --port")
        })?;
        let address = server.server_addr().to_ip().context("the server has no address")?;
        let server = Arc::new(server);
        let workers = (0..WORKERS).map(|_| {
            let (server, folder) = (Arc::clone(&server), folder.clone());
            thread::spawn(move || {
                while let Ok(request) = server.recv() {
                    // A browser that went away is no fault of the server's.
                    let _ = answer(&folder, request);
                }
            })
        });
        Ok(Self { workers: workers.collect(), server, address })
    }

    /// Where the pages are: `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Serves until the process ends.
    pub fn wait(mut self) {
        for worker in self.workers.drain(..) {
            // A worker ends only when the listening socket is gone.
            let _ = worker.join();
        }
    }
}

impl Drop for StaticServer {
    fn drop(&mut self) {
        for _ in &self.workers {
            self.server.unblock();
        }
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

/// Serves the built studio and prints its address.
///
/// # Errors
/// When the studio is not built or the port is taken.
pub fn studio(port: u16) -> Result<()> {
    let index = paths::dist().join("index.html");
    ensure!(index.is_file(), "{} is missing: run `cargo xtask build-web` first", index.display());
    let server = StaticServer::start(&paths::dist(), port)?;
    println!("MAEC Studio is at {} (Ctrl-C stops it)", server.url());
    server.wait();
    Ok(())
}

fn answer(folder: &Path, request: Request) -> io::Result<()> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return refuse(request, 405, "only GET and HEAD are served here");
    }
    let Some(path) = resolve(folder, request.url()) else {
        return refuse(request, 404, "no such file");
    };
    let Ok(file) = File::open(&path) else {
        return refuse(request, 404, "no such file");
    };
    let length = usize::try_from(file.metadata()?.len()).ok();
    let body: Box<dyn Read + Send> = Box::new(file);
    let response = Response::new(StatusCode(200), headers(mime_type(&path)), body, length, None);
    request.respond(response.with_chunked_threshold(usize::MAX))
}

fn refuse(request: Request, status: u16, message: &str) -> io::Result<()> {
    let mut response = Response::from_string(message).with_status_code(status);
    for header in headers("text/plain; charset=utf-8") {
        response.add_header(header);
    }
    request.respond(response)
}

fn headers(mime_type: &str) -> Vec<Header> {
    [("Content-Type", mime_type), ("Cache-Control", "no-cache"), ("X-Content-Type-Options", "nosniff")]
        .into_iter()
        .filter_map(|(name, value)| Header::from_bytes(name, value).ok())
        .collect()
}

/// The file under `folder` that a request's target names; a folder names its `index.html`. Anything but plain
/// names, and links that lead out of `folder`, are refused.
fn resolve(folder: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
    let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || path.contains(['\\', '%', '\0']) {
        return None;
    }
    let mut file = folder.join(path);
    if path.is_empty() || path.ends_with('/') {
        file.push("index.html");
    }
    let file = fs::canonicalize(file).ok()?;
    (file.starts_with(folder) && file.is_file()).then_some(file)
}

/// Browsers run modules and compile streaming wasm only under the right type.
fn mime_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("md" | "txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    fn site() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(root.path().join("site/packs")).expect("folders");
        for (name, text) in [
            ("secret", "no"),
            ("site/index.html", "<p>"),
            ("site/a.wasm", "w"),
            ("site/packs/m.safetensors", "t"),
        ] {
            fs::write(root.path().join(name), text).expect("a file");
        }
        root
    }

    /// The status line, the headers and the body that `request_line` gets.
    fn ask(server: &StaticServer, request_line: &str) -> String {
        let mut stream = TcpStream::connect(server.address).expect("connects");
        write!(stream, "{request_line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .expect("asks");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answers");
        answer
    }

    #[test]
    fn files_come_with_their_types() {
        let root = site();
        let server = StaticServer::start(&root.path().join("site"), 0).expect("starts");
        for (target, mime_type, body) in [
            ("/", "text/html; charset=utf-8", "<p>"),
            ("/index.html#view", "text/html; charset=utf-8", "<p>"),
            ("/a.wasm?v=1", "application/wasm", "w"),
            ("/packs/m.safetensors", "application/octet-stream", "t"),
        ] {
            let answer = ask(&server, &format!("GET {target}"));
            assert!(answer.starts_with("HTTP/1.1 200"), "{target}: {answer}");
            assert!(answer.contains(&format!("Content-Type: {mime_type}\r\n")), "{target}: {answer}");
            assert!(answer.contains(&format!("Content-Length: {}\r\n", body.len())), "{target}: {answer}");
            assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{target}: {answer}");
        }
        assert!(ask(&server, "HEAD /a.wasm").ends_with("\r\n\r\n"));
    }

    #[test]
    fn nothing_outside_the_folder_is_served() {
        let root = site();
        #[cfg(unix)]
        std::os::unix::fs::symlink(root.path().join("secret"), root.path().join("site/link"))
            .expect("a link");
        let server = StaticServer::start(&root.path().join("site"), 0).expect("starts");
        for target in [
            "/../secret",
            "/packs/../../secret",
            "/%2e%2e/secret",
            "//secret",
            "/..\\secret",
            "/link",
            "/packs",
            "/packs/",
            "/missing",
            "secret",
        ] {
            let answer = ask(&server, &format!("GET {target}"));
            assert!(answer.starts_with("HTTP/1.1 404"), "{target}: {answer}");
        }
        assert!(ask(&server, "POST /").starts_with("HTTP/1.1 405"));
    }

    #[test]
    fn a_missing_folder_says_how_to_build_it() {
        let error = StaticServer::start(Path::new("/nowhere/dist"), 0).err().expect("no such folder");
        assert!(error.to_string().contains("cargo xtask build-web"), "{error}");
    }

    #[test]
    fn a_taken_port_is_named() {
        let root = site();
        let first = StaticServer::start(root.path(), 0).expect("starts");
        let error = StaticServer::start(root.path(), first.address.port()).err().expect("taken");
        assert!(error.to_string().contains(&first.address.port().to_string()), "{error}");
    }
}
