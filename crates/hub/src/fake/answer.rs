//! What the fake hub answers.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use maec_checkpoint::sha256_hex;

use super::{Fault, Inner, Seen, Shared};

/// Lets pages of other sites read what a plain server lets them.
const CORS: &str = "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: Range, Authorization\r\n\
    Access-Control-Expose-Headers: ETag, Content-Range, Content-Length, Retry-After\r\n";

/// Answers one request. A client that goes away is no failure.
pub(super) fn serve(stream: TcpStream, shared: &Shared) {
    let _ = answer(stream, shared);
}

fn answer(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let seen = Seen::read(BufReader::new(&mut stream))?;
    let (file, fault) = {
        let mut inner = shared.inner();
        inner.seen.push(seen.clone());
        (inner.find(&seen.path), inner.fault_of(&seen.path))
    };
    if seen.method == "OPTIONS" {
        return head(&mut stream, 204, "Content-Length: 0\r\n");
    }
    match (&fault, file) {
        (Some(Fault::Status(status)), _) => head(&mut stream, *status, "Content-Length: 0\r\n"),
        (Some(Fault::RetryAfter(status, secs)), _) => {
            head(&mut stream, *status, &format!("Retry-After: {secs}\r\nContent-Length: 0\r\n"))
        }
        (Some(Fault::Redirect(to)), _) => {
            head(&mut stream, 302, &format!("Location: {to}\r\nContent-Length: 0\r\n"))
        }
        (Some(Fault::Garbage), _) => stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n"),
        (_, None) => head(&mut stream, 404, "Content-Length: 0\r\n"),
        (_, Some(file)) => send(&mut stream, shared, &seen, &file, fault.as_ref()),
    }
}

impl Inner {
    /// The bytes at a path.
    fn find(&self, path: &str) -> Option<Arc<Vec<u8>>> {
        let path = path.split('?').next().unwrap_or_default();
        let api = path.strip_prefix("/api/models/");
        // Datasets are kept, and their files found, under `datasets/org/name`.
        let api = api.or_else(|| path.strip_prefix("/api/").filter(|api| api.starts_with("datasets/")));
        let Some(api) = api else {
            return self.files.get(path).cloned();
        };
        let (id, revision) = api.split_once("/revision/")?;
        let repository = self.repositories.get(id)?;
        let known = revision == "main" || revision == repository.commit;
        let siblings = repository.siblings.join(",");
        let json = format!(r#"{{"id":"{id}","sha":"{}","siblings":[{siblings}]}}"#, repository.commit);
        known.then(|| Arc::new(json.into_bytes()))
    }

    /// The next fault of a path.
    fn fault_of(&mut self, path: &str) -> Option<Fault> {
        let (_, fault, times) =
            self.faults.iter_mut().find(|(part, _, times)| *times > 0 && path.contains(part.as_str()))?;
        *times -= 1;
        Some(fault.clone())
    }
}

fn head(stream: &mut TcpStream, status: u16, headers: &str) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status} Fake\r\nConnection: close\r\n{CORS}{headers}\r\n")
}

fn send(
    stream: &mut TcpStream,
    shared: &Shared,
    seen: &Seen,
    file: &[u8],
    fault: Option<&Fault>,
) -> io::Result<()> {
    let len = file.len() as u64;
    let mut range = seen.range.clone().filter(|_| fault != Some(&Fault::WholeFile));
    if let Some(range) = &mut range {
        range.end = range.end.min(len);
        match fault {
            Some(Fault::AtMost(most)) => range.end = range.end.min(range.start + most),
            Some(Fault::NextByte) => range.start += 1,
            _ => (),
        }
        if range.start >= range.end {
            return head(stream, 416, &format!("Content-Range: bytes */{len}\r\nContent-Length: 0\r\n"));
        }
    }
    let longer = if let Some(Fault::LongerTotal(more)) = fault { *more } else { 0 };
    let part = range.clone().unwrap_or(0..len);
    let mut body = file[part.start as usize..part.end as usize].to_vec();
    let mut told = body.len() as u64;
    let mut etag = sha256_hex(file)[..16].to_owned();
    match fault {
        Some(Fault::OtherEtag) => etag.insert_str(0, "other-"),
        Some(Fault::LongerLength(more)) => told += more,
        Some(Fault::LongerTotal(more)) if range.is_none() => told += more,
        Some(Fault::WrongByte) => {
            let middle = body.len() / 2;
            if let Some(byte) = body.get_mut(middle) {
                *byte ^= 1;
            }
        }
        _ => (),
    }
    let mut headers = format!("Accept-Ranges: bytes\r\nETag: \"{etag}\"\r\nContent-Length: {told}\r\n");
    if range.is_some() && fault != Some(&Fault::NoContentRange) {
        headers += &format!("Content-Range: bytes {}-{}/{}\r\n", part.start, part.end - 1, len + longer);
    }
    head(stream, if range.is_some() { 206 } else { 200 }, &headers)?;
    let stop = match fault {
        Some(Fault::CutAfter(bytes) | Fault::StallAfter(bytes)) => (*bytes).min(body.len() as u64) as usize,
        _ => body.len(),
    };
    for chunk in body[..stop].chunks(64 << 10) {
        // Counted first: a client that has a byte finds it counted.
        shared.served.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        stream.write_all(chunk)?;
    }
    if matches!(fault, Some(Fault::StallAfter(_))) {
        while !shared.stop.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}
