//! A static file server for this machine: what any static host does with `dist/`. Every connection has a thread of its
//! own and carries one request, so that none ever waits for another.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::paths;

/// Longest request head that is read.
const MAX_HEAD_BYTES: u64 = 16 * 1024;
/// A browser that sends nothing for so long has gone away.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server; it stops when dropped.
pub struct StaticServer {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl StaticServer {
    /// Serves the files under `folder` on `127.0.0.1:port`; port 0 takes a free one.
    ///
    /// # Errors
    /// When `folder` does not exist or the port is taken.
    pub fn start(folder: &Path, port: u16) -> Result<Self> {
        let folder = fs::canonicalize(folder)
            .with_context(|| format!("{} is missing: run `cargo xtask build-web` first", folder.display()))?;
        let listener = TcpListener::bind(("127.0.0.1", port)).map_err(|error| {
            anyhow::anyhow!("port {port} on 127.0.0.1: {error}; choose another with --port")
        })?;
        let address = listener.local_addr()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let listening = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(stream), folder) = (stream, folder.clone()) else { continue };
                // A browser that went away is no fault of the server's.
                thread::spawn(move || drop(answer(&folder, stream)));
            }
        });
        Ok(Self { address, stopped, listening: Some(listening) })
    }

    /// Where the pages are: `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Serves until the process ends.
    pub fn wait(mut self) {
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl Drop for StaticServer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // A last connection wakes the listener, which then sees that it has been stopped.
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
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

fn answer(folder: &Path, mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = BufReader::new(stream.try_clone()?.take(MAX_HEAD_BYTES)).lines();
    let first = head.next().transpose()?.unwrap_or_default();
    // The rest of the head says nothing that a static file depends on, but has to be read.
    while head.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    if !matches!(method, "GET" | "HEAD") {
        return refuse(&mut stream, "405 Method Not Allowed", "only GET and HEAD are served here");
    }
    let found = resolve(folder, target).and_then(|path| Some((File::open(&path).ok()?, path)));
    let Some((mut file, path)) = found else {
        return refuse(&mut stream, "404 Not Found", "no such file");
    };
    send_head(&mut stream, "200 OK", mime_type(&path), file.metadata()?.len())?;
    if method == "GET" {
        io::copy(&mut file, &mut stream)?;
    }
    Ok(())
}

fn refuse(stream: &mut TcpStream, status: &str, message: &str) -> io::Result<()> {
    send_head(stream, status, "text/plain; charset=utf-8", message.len() as u64)?;
    stream.write_all(message.as_bytes())
}

fn send_head(stream: &mut TcpStream, status: &str, mime_type: &str, length: u64) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {mime_type}\r\nContent-Length: {length}\r\n\
         Cache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
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
