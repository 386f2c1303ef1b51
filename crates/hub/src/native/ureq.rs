//! HTTP through `ureq`, with redirects followed by hand so that the token stays with the hub.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use ureq::Agent;

use super::Token;
use crate::{Address, Answer, Body, Error, Get, Head, Transport, TransportError};

const MAX_REDIRECTS: usize = 8;
/// Bytes handed on at once.
const CHUNK: usize = 128 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest silence of a server.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers GET requests over the network.
pub struct UreqTransport {
    agent: Agent,
    endpoint: Address,
    token: Option<Token>,
    stall: Duration,
}

impl UreqTransport {
    /// Requests with a token for the hub at `endpoint` and for nobody else. Fails with [`Error::BadSetting`] where that hub would
    /// get the token unencrypted.
    pub fn new(endpoint: Address, token: Option<Token>) -> Result<Self, Error> {
        if token.is_some() && !endpoint.is_https() && !endpoint.is_loopback() {
            let reason = "HF_TOKEN would travel unencrypted; use https:// or unset HF_TOKEN".into();
            return Err(Error::BadSetting { name: "HF_ENDPOINT", reason });
        }
        Ok(Self { agent: agent(STALL_TIMEOUT), endpoint, token, stall: STALL_TIMEOUT })
    }

    /// Changes how long a server may be silent.
    pub fn with_stall_timeout(mut self, stall: Duration) -> Self {
        self.agent = agent(stall);
        self.stall = stall;
        self
    }

    fn request(&self, get: &Get<'_>) -> Result<Answer<UreqBody>, TransportError> {
        let mut at = get.address.clone();
        // Once a redirect has left the hub, nothing that follows is the hub's own word, even where it leads back.
        let mut at_hub = true;
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.agent.get(at.to_string()).header("accept-encoding", "identity");
            if let Some(range) = get.range_header() {
                request = request.header("range", range);
            }
            at_hub &= at.same_origin(&self.endpoint);
            if let Some(token) = self.token.as_ref().filter(|_| at_hub) {
                request = request.header("authorization", token.header());
            }
            let response = request.call().map_err(|e| error(&e, self.stall))?;
            let header = |name: &str| response.headers().get(name)?.to_str().ok().map(ToOwned::to_owned);
            let status = response.status();
            if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                at = follow(&at, header("location"))?;
                continue;
            }
            let head = Head::new(status.as_u16(), !at.same_origin(get.address), header);
            return Ok(Answer {
                head,
                body: UreqBody { reader: response.into_body().into_reader(), stall: self.stall },
            });
        }
        Err(TransportError::Refused { reason: "the server redirects in a circle; check the address".into() })
    }
}

/// Says nothing of the token.
impl fmt::Debug for UreqTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UreqTransport")
            .field("endpoint", &self.endpoint)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

fn agent(stall: Duration) -> Agent {
    Agent::config_builder()
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent(concat!("maec-studio/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(stall))
        .timeout_per_read(Some(stall))
        .timeout_per_write(Some(stall))
        .build()
        .new_agent()
}

/// Where a redirect leads.
fn follow(at: &Address, location: Option<String>) -> Result<Address, TransportError> {
    let refused = |reason: &str| TransportError::Refused { reason: reason.into() };
    let location = location.ok_or_else(|| refused("the server redirects to nowhere; try again later"))?;
    let to = at
        .join(&location)
        .map_err(|reason| refused(&format!("the server redirects to a bad address: {reason}")))?;
    if at.is_https() && !to.is_https() {
        return Err(refused(
            "the server redirects to an unencrypted address; ask its owner for an https:// one",
        ));
    }
    Ok(to)
}

/// The library's messages may hold an address with its signature: only kinds are passed on.
fn error(error: &ureq::Error, stall: Duration) -> TransportError {
    let broken = |reason: &str| TransportError::Broken { reason: reason.into() };
    match error {
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            broken("the server can't be reached")
        }
        ureq::Error::Timeout(_) => TransportError::Stalled { secs: stall.as_secs() },
        ureq::Error::HostNotFound => broken("the host is unknown, or there is no network"),
        ureq::Error::ConnectionFailed => broken("the server can't be reached"),
        ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::TimedOut => {
            TransportError::Stalled { secs: stall.as_secs() }
        }
        ureq::Error::Io(e) => broken(&format!("the connection failed ({})", e.kind())),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => TransportError::Refused {
            reason: "the server's certificate is not trusted; check the address and the clock".into(),
        },
        ureq::Error::Protocol(_) | ureq::Error::Http(_) => broken("the server does not speak HTTP properly"),
        ureq::Error::InvalidProxyUrl | ureq::Error::ConnectProxyFailed(_) => {
            broken("the proxy refuses; check HTTPS_PROXY and NO_PROXY")
        }
        _ => broken("the request failed"),
    }
}

impl Transport for UreqTransport {
    type Body = UreqBody;

    async fn get(&self, get: &Get<'_>) -> Result<Answer<UreqBody>, TransportError> {
        self.request(get)
    }
}

/// A body on its way.
pub struct UreqBody {
    reader: ureq::BodyReader<'static>,
    stall: Duration,
}

impl fmt::Debug for UreqBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UreqBody").finish_non_exhaustive()
    }
}

impl Body for UreqBody {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, TransportError> {
        let mut chunk = vec![0; CHUNK];
        match self.reader.read(&mut chunk) {
            Ok(0) => Ok(None),
            Ok(read) => {
                chunk.truncate(read);
                Ok(Some(chunk))
            }
            Err(e) => Err(match e.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
                Some(inner) => error(inner, self.stall),
                None if e.kind() == std::io::ErrorKind::TimedOut => {
                    TransportError::Stalled { secs: self.stall.as_secs() }
                }
                None => TransportError::Broken { reason: format!("the connection broke off ({})", e.kind()) },
            }),
        }
    }
}
