//! Fetches somebody's playlist: from the public internet alone, within bounds of size, time and redirects.
//!
//! A name is resolved once, the addresses are looked at, and the connection goes to the very address that was looked
//! at: what a name means a moment later makes no difference. Each redirect is treated like a first address.

use super::address;
use super::rewrite::PLAYLIST_MAX_BYTES;
use crate::http::{self, Answer, Request};
use crate::tls;
use bytes::Bytes;
use hyper::header::{ACCEPT, HeaderValue, LOCATION, USER_AGENT};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

/// The whole of it, redirects included; below the time that any request may take.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(8);
/// To one address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// After so many redirects nobody means the last one.
const REDIRECTS_MAX: usize = 5;
/// The longest address that is asked.
const ADDRESS_MAX_BYTES: usize = 4 * 1024;

/// Why there is no playlist.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It is no address that can be asked.
    #[error(
        "'{0}' cannot be fetched: write an address that begins with http:// or https://, without user and password"
    )]
    Address(String),
    /// Everything that the name stands for is out of bounds.
    #[error(
        "{0} is not on the public internet: acefleet fetches playlists from nowhere else; upload it instead"
    )]
    Closed(String),
    /// It could not be had.
    #[error("{0} could not be fetched: {1}")]
    Broken(String, String),
    /// It is too long.
    #[error("the playlist is longer than {} MiB", PLAYLIST_MAX_BYTES / 1024 / 1024)]
    TooLong,
    /// It takes too long.
    #[error("the playlist was not there within {} s", FETCH_TIMEOUT.as_secs())]
    TooSlow,
}

/// What fetches.
#[derive(Clone)]
pub struct Fetcher {
    /// Which addresses may be connected to.
    allowed: fn(IpAddr) -> bool,
    tls: TlsConnector,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fetcher")
    }
}

impl Default for Fetcher {
    /// One that goes to the public internet alone.
    fn default() -> Self {
        Self::allowing(address::is_public)
    }
}

impl Fetcher {
    fn allowing(allowed: fn(IpAddr) -> bool) -> Self {
        Self { allowed, tls: tls::public(&[]) }
    }

    /// The playlist at an address.
    pub async fn fetch(&self, address: &str) -> Result<Bytes, Failure> {
        timeout(FETCH_TIMEOUT, self.follow(address)).await.unwrap_or(Err(Failure::TooSlow))
    }

    async fn follow(&self, address: &str) -> Result<Bytes, Failure> {
        let mut url = parsed(address)?;
        for _ in 0..=REDIRECTS_MAX {
            let shown = shown(&url);
            let broken = |why: String| Failure::Broken(shown.clone(), why);
            let answer = self.ask(&url).await?;
            match answer.status {
                200 => return Ok(answer.body),
                301 | 302 | 303 | 307 | 308 => {
                    let to = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok());
                    let to = to.ok_or_else(|| broken("it redirects to nowhere".into()))?;
                    let next = url.join(to).map_err(|_| broken("it redirects to no address".into()))?;
                    url = parsed(next.as_str())?;
                }
                status => return Err(broken(format!("it answers {status}"))),
            }
        }
        Err(Failure::Broken(shown(&url), format!("it was redirected more than {REDIRECTS_MAX} times")))
    }

    async fn ask(&self, url: &Url) -> Result<Answer, Failure> {
        let broken = |why: String| Failure::Broken(shown(url), why);
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(Failure::Address(shown(url)));
        };
        let stream = self.connect(url, &host, port).await?;
        let authority = url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut request = Request::get(authority, format!("{}{query}", url.path()));
        request.headers = vec![
            (USER_AGENT, HeaderValue::from_static(concat!("acefleet/", env!("CARGO_PKG_VERSION")))),
            (ACCEPT, HeaderValue::from_static("*/*")),
        ];
        let answer = if url.scheme() == "https" {
            let name = tls::server_name(&host.to_string()).map_err(broken)?;
            let stream = self.tls.connect(name, stream).await.map_err(|error| broken(error.to_string()))?;
            http::call(stream, request, PLAYLIST_MAX_BYTES).await
        } else {
            http::call(stream, request, PLAYLIST_MAX_BYTES).await
        };
        answer.map_err(|failure| match failure {
            http::Failure::TooLong(_) => Failure::TooLong,
            http::Failure::Broken(_) | http::Failure::Malformed(_) => broken(failure.to_string()),
        })
    }

    /// Connects to the first address of a host that may be connected to and answers.
    async fn connect(&self, url: &Url, host: &Host<&str>, port: u16) -> Result<TcpStream, Failure> {
        let broken = |error: io::Error| Failure::Broken(shown(url), error.to_string());
        let found: Vec<SocketAddr> = match host {
            Host::Ipv4(address) => vec![(*address, port).into()],
            Host::Ipv6(address) => vec![(*address, port).into()],
            Host::Domain(name) => tokio::net::lookup_host((*name, port)).await.map_err(broken)?.collect(),
        };
        let allowed = found.into_iter().filter(|address| (self.allowed)(address.ip()));
        let mut failure = Failure::Closed(host.to_string());
        for address in allowed {
            match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = broken(error),
                Err(_) => failure = Failure::TooSlow,
            }
        }
        Err(failure)
    }
}

fn parsed(address: &str) -> Result<Url, Failure> {
    let refused = || Failure::Address(crate::settings::words::address_shown(address));
    let url = Url::parse(address).map_err(|_| refused())?;
    let plain =
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    if plain && address.len() <= ADDRESS_MAX_BYTES { Ok(url) } else { Err(refused()) }
}

/// An address as it may be shown: queries have people's passwords in them.
fn shown(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A server that answers one connection after the other, each with the next of these; its port.
    async fn server(answers: Vec<String>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        tokio::spawn(async move {
            for answer in answers {
                let Ok((mut stream, _)) = listener.accept().await else { return };
                let mut head = [0; 4096];
                drop(stream.read(&mut head).await);
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        port
    }

    fn everywhere() -> Fetcher {
        Fetcher::allowing(|_| true)
    }

    #[tokio::test]
    async fn a_playlist_is_fetched_through_redirects() {
        let body = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n#EXTM3U";
        let port = server(vec!["HTTP/1.1 302 Found\r\nlocation: /b?c\r\n\r\n".into(), body.into()]).await;
        let fetched = everywhere().fetch(&format!("http://localhost:{port}/a")).await.expect("it is there");
        assert_eq!(&fetched[..], b"#EXTM3U");
    }

    #[tokio::test]
    async fn private_addresses_are_not_connected_to_by_name_or_number_or_redirect() {
        let port = server(vec!["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".into()]).await;
        for host in ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"] {
            let failure = Fetcher::default().fetch(&format!("http://{host}:{port}/")).await;
            assert!(matches!(failure, Err(Failure::Closed(_) | Failure::Broken(..))), "{host}: {failure:?}");
        }
        // A first address that may be asked does not open the door to a second one.
        let elsewhere =
            server(vec![format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.2:{port}/\r\n\r\n")]).await;
        let first_alone = Fetcher::allowing(|ip| ip == IpAddr::from([127, 0, 0, 1]));
        let failure = first_alone.fetch(&format!("http://127.0.0.1:{elsewhere}/")).await;
        assert!(matches!(failure, Err(Failure::Closed(_))), "{failure:?}");
    }

    #[tokio::test]
    async fn a_playlist_without_end_and_redirects_without_end_are_given_up() {
        let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(PLAYLIST_MAX_BYTES + 1));
        let port = server(vec![long]).await;
        let failure = everywhere().fetch(&format!("http://localhost:{port}/")).await;
        assert!(matches!(failure, Err(Failure::TooLong)), "{failure:?}");
        let again = "HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n".to_owned();
        let port = server(vec![again; REDIRECTS_MAX + 1]).await;
        let failure =
            everywhere().fetch(&format!("http://localhost:{port}/")).await.expect_err("it never ends");
        assert!(failure.to_string().contains("redirected more than 5 times"), "{failure}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_answers_is_given_up_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let failure = everywhere().fetch(&format!("http://127.0.0.1:{port}/")).await;
        assert!(matches!(failure, Err(Failure::TooSlow)), "{failure:?}");
        drop(listener);
    }

    #[tokio::test]
    async fn what_is_no_address_says_what_to_write() {
        for address in ["", "x", "file:///etc/passwd", "ftp://x/", "http://user:password@x/"] {
            let failure = everywhere().fetch(address).await.expect_err("it is refused");
            assert!(failure.to_string().contains("begins with http:// or https://"), "{failure}");
            assert!(!failure.to_string().contains("password@"), "{failure}");
        }
        let port = server(vec!["HTTP/1.1 404 Not Found\r\n\r\n".into()]).await;
        let failure = everywhere().fetch(&format!("http://localhost:{port}/list?key=secret")).await;
        let said = failure.expect_err("it is not there").to_string();
        assert!(said.contains("answers 404") && !said.contains("secret"), "{said}");
    }
}
