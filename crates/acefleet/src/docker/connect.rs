//! How Docker's API is reached: a socket, a plain connection, or an encrypted one. A new connection each time.
//!
//! Nothing is opened before it is needed, so a Docker that is absent is an error of each call and of nothing else.

use crate::settings::DockerHost;
use crate::tls;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// How long making a connection may take, encryption included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a request is sent over.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Makes connections to one Docker.
pub(super) struct Connector {
    host: DockerHost,
    /// What encryption needs, once its files could be read.
    tls: OnceLock<tokio_rustls::TlsConnector>,
}

impl Connector {
    pub(super) fn new(host: DockerHost) -> Self {
        Self { host, tls: OnceLock::new() }
    }

    /// What requests name as their host.
    pub(super) fn host_header(&self) -> &str {
        match &self.host {
            DockerHost::Unix(_) => "docker",
            DockerHost::Tcp(address) | DockerHost::Tls { address, .. } => address,
        }
    }

    /// The other end may vanish without a word.
    pub(super) fn is_remote(&self) -> bool {
        match &self.host {
            DockerHost::Unix(_) => false,
            DockerHost::Tcp(_) | DockerHost::Tls { .. } => true,
        }
    }

    /// A new connection; otherwise what was tried, what went wrong, and what to do.
    pub(super) async fn connect(&self) -> Result<Box<dyn Wire>, String> {
        match timeout(CONNECT_TIMEOUT, self.connect_patiently()).await {
            Ok(connected) => connected,
            Err(_) => Err(format!("{self}: no connection within {} s", CONNECT_TIMEOUT.as_secs())),
        }
    }

    async fn connect_patiently(&self) -> Result<Box<dyn Wire>, String> {
        match &self.host {
            DockerHost::Unix(path) => match UnixStream::connect(path).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(format!("{self}: {error}; {}", advice_for_socket(path, &error))),
            },
            DockerHost::Tcp(address) => Ok(Box::new(self.tcp(address).await?)),
            DockerHost::Tls { address, certificates, verify } => {
                let connector = match self.tls.get() {
                    Some(connector) => connector,
                    None => {
                        let read = tls::with_folder(certificates, *verify)
                            .map_err(|wrong| format!("{self}: {wrong}"))?;
                        self.tls.get_or_init(|| read)
                    }
                };
                let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
                let name = tls::server_name(host).map_err(|wrong| format!("{self}: {wrong}"))?;
                let stream = self.tcp(address).await?;
                let encrypted = connector.connect(name, stream).await;
                Ok(Box::new(encrypted.map_err(|error| {
                    format!("{self}: {error}; the certificates in {} have to fit", certificates.display())
                })?))
            }
        }
    }

    async fn tcp(&self, address: &str) -> Result<TcpStream, String> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|error| {
            format!("{self}: {error}; is Docker running there, and does DOCKER_HOST name it?")
        })?;
        // Requests are small and waited for.
        stream.set_nodelay(true).map_err(|error| format!("{self}: {error}"))?;
        Ok(stream)
    }
}

impl std::fmt::Display for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            DockerHost::Unix(path) => write!(f, "unix://{}", path.display()),
            DockerHost::Tcp(address) => write!(f, "tcp://{address}"),
            DockerHost::Tls { address, .. } => write!(f, "tcp://{address} with TLS"),
        }
    }
}

fn advice_for_socket(path: &Path, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => format!(
            "start Docker; if acefleet is in a container, mount the socket there (-v {0}:{0}), or set DOCKER_HOST",
            path.display()
        ),
        std::io::ErrorKind::PermissionDenied => {
            "run acefleet as a user who may use Docker (root, or a member of the socket's group)".into()
        }
        std::io::ErrorKind::ConnectionRefused => "Docker is not running".into(),
        _ => "is Docker running, and does DOCKER_HOST name its socket?".into(),
    }
}
