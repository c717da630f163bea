//! Tells one receiver once: a connection, encrypted where the address says so, one request, and what came back.
//!
//! Whatever a receiver does is bounded in time and bytes. Redirects are not followed: a message goes where the operator
//! said, or nowhere.

use super::target::Target;
use crate::http::{self, Request};
use crate::log::OneLine;
use crate::tls;
use hyper::header::{HeaderMap, RETRY_AFTER};
use rustls_pki_types::CertificateDer;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long a receiver may take for everything.
pub const ANSWER_MAX: Duration = Duration::from_secs(10);
/// So much of an answer is read, to tell why a message was refused.
const WORDS_MAX_BYTES: usize = 2 * 1024;
/// So much of it is shown.
const WORDS_MAX_CHARS: usize = 200;
/// No receiver is obeyed that wants to be left alone for longer.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// Whatever sends. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    tls: TlsConnector,
    answer_max: Duration,
}

/// Why a message did not arrive.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Trouble {
    /// Nobody there, or no proper answer. It may pass.
    #[error("{0}")]
    Silent(String),
    /// The receiver cannot now. It may pass, and some say when.
    #[error("it answers {status}{words}")]
    Busy {
        /// The status.
        status: u16,
        /// What it says.
        words: String,
        /// When to come again.
        after: Option<Duration>,
    },
    /// The receiver will not. Asking again makes no difference.
    #[error("it answers {status}{words}")]
    Refused {
        /// The status.
        status: u16,
        /// What it says.
        words: String,
    },
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("answer_max", &self.answer_max).finish_non_exhaustive()
    }
}

impl Sender {
    /// One that trusts the authorities that browsers trust, and these.
    pub fn new(authorities: &[CertificateDer<'static>]) -> Self {
        Self { tls: tls::public(authorities), answer_max: ANSWER_MAX }
    }

    /// The same with another patience.
    #[must_use]
    pub const fn waiting(mut self, answer_max: Duration) -> Self {
        self.answer_max = answer_max;
        self
    }

    /// Sends a request to a receiver.
    pub async fn send(&self, target: &Target, request: Request) -> Result<u16, Trouble> {
        let within = timeout(self.answer_max, self.exchange(target, request)).await;
        within.unwrap_or_else(|_| {
            Err(Trouble::Silent(format!("no answer within {} s", self.answer_max.as_secs_f64())))
        })
    }

    async fn exchange(&self, target: &Target, request: Request) -> Result<u16, Trouble> {
        let place = &target.place;
        let silent = |why: String| Trouble::Silent(OneLine(why).to_string());
        let stream = TcpStream::connect((place.host.as_str(), place.port))
            .await
            .map_err(|error| silent(format!("no connection to port {}: {error}", place.port)))?;
        let broken = |failure: http::Failure| silent(failure.to_string());
        let mut answer = if place.tls {
            let name = tls::server_name(&place.host).map_err(silent)?;
            let stream = self
                .tls
                .connect(name, stream)
                .await
                .map_err(|error| silent(format!("no encrypted connection: {error}")))?;
            http::open(stream, request).await.map_err(broken)?
        } else {
            http::open(stream, request).await.map_err(broken)?
        };
        let status = answer.status;
        if (200..300).contains(&status) {
            return Ok(status);
        }
        let words = words_of(&mut answer).await;
        Err(match status {
            408 | 425 | 429 | 500.. => Trouble::Busy { status, words, after: after(&answer.headers) },
            _other => Trouble::Refused { status, words },
        })
    }
}

/// The beginning of what an answer says, on one line.
async fn words_of(answer: &mut http::Streaming) -> String {
    if (300..400).contains(&answer.status) {
        return ", which would lead elsewhere: write the address that it leads to".into();
    }
    let mut read = Vec::new();
    while read.len() < WORDS_MAX_BYTES {
        match answer.next().await {
            Ok(Some(piece)) => read.extend_from_slice(&piece),
            Ok(None) | Err(_) => break,
        }
    }
    read.truncate(WORDS_MAX_BYTES);
    let text = String::from_utf8_lossy(&read);
    let words: String = OneLine(text.trim()).to_string().chars().take(WORDS_MAX_CHARS).collect();
    if words.is_empty() { words } else { format!(": {words}") }
}

fn after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}
