//! A site in memory behind the hub's client: no sockets, and every byte counted.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use maec_hub::{Address, Answer, Body, Clock, Get, Head, Hub, MemoryStore, Transport, TransportError};
use serde_json::json;

use super::{Files, World};

/// The hub's address.
pub const HUB: &str = "https://hub.test";
/// The commit of every repository.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// Bytes of a chunk.
const CHUNK: usize = 16 << 10;

/// A client of the site.
pub type SiteHub = Hub<Site, MemoryStore, Now>;

/// What `World::files` has, served by URL.
pub struct Site(pub Rc<World>);

/// Time that does not pass.
pub struct Now;

/// A body in chunks; each brings a pause, as messages come in while a real one is awaited.
pub struct Chunks {
    world: Rc<World>,
    rest: VecDeque<Vec<u8>>,
}

/// A client of the site that `world` has.
pub fn hub(world: &Rc<World>) -> Rc<SiteHub> {
    let endpoint = Address::parse(HUB).unwrap();
    Rc::new(Hub::new(Site(world.clone()), world.store.clone(), Now, endpoint))
}

/// The files of a repository of the hub, with their listing, by URL.
pub fn repository(id: &str, files: &Files) -> Files {
    let siblings: Vec<_> =
        files.iter().map(|(name, bytes)| json!({"rfilename": name, "size": bytes.len()})).collect();
    let listing = json!({"sha": COMMIT, "siblings": siblings}).to_string().into_bytes();
    let mut site: Files = files
        .iter()
        .map(|(name, bytes)| (format!("{HUB}/{id}/resolve/{COMMIT}/{name}"), bytes.clone()))
        .collect();
    for revision in ["main", COMMIT] {
        site.insert(format!("{HUB}/api/models/{id}/revision/{revision}?blobs=true"), listing.clone());
    }
    site
}

impl Transport for Site {
    type Body = Chunks;

    async fn get(&self, get: &Get<'_>) -> Result<Answer<Chunks>, TransportError> {
        let url = get.address.to_string();
        let found = self.0.files.borrow().get(&url).cloned();
        let total = found.as_ref().map_or(0, Vec::len);
        let range = get.range.clone().unwrap_or(0..u64::MAX);
        let (start, end) = (range.start.min(total as u64) as usize, range.end.min(total as u64) as usize);
        let bytes = found.as_ref().map_or(&[][..], |bytes| &bytes[start..end]);
        let status = match (&found, &get.range) {
            (None, _) => 404,
            (Some(_), None) => 200,
            (Some(_), Some(_)) => 206,
        };
        let header = |name: &str| match name {
            "content-length" => Some(bytes.len().to_string()),
            "content-range" if status == 206 => {
                Some(format!("bytes {start}-{}/{total}", end.saturating_sub(1)))
            }
            _ => None,
        };
        let rest = bytes.chunks(CHUNK).map(<[u8]>::to_vec).collect();
        let head = Head::new(status, false, header);
        Ok(Answer { head, body: Chunks { world: self.0.clone(), rest } })
    }
}

impl Body for Chunks {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, TransportError> {
        let Some(bytes) = self.rest.pop_front() else { return Ok(None) };
        self.world.pauses.set(self.world.pauses.get() + 1);
        self.world.served.set(self.world.served.get() + bytes.len() as u64);
        Ok(Some(bytes))
    }
}

impl Clock for Now {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {}
}
