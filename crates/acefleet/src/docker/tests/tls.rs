//! Encrypted connections to a server that wants to know who comes. Certificates are made anew by `openssl`.

use crate::docker::Docker;
use crate::runtime::{Failure, Runtime};
use crate::settings::DockerHost;
use control::event::Silence;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A folder as DOCKER_CERT_PATH names it, with `server.pem` and `server-key.pem` besides.
struct Certificates(PathBuf);

impl Certificates {
    fn new(called: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("acefleet-tls-{}-{called}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("there is room for a folder");
        let made = Self(folder);
        let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
        std::fs::write(made.0.join("names"), names).expect("there is room for a file");
        made.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ca \
                      -keyout ca-key.pem -out ca.pem",
        );
        for (who, key, certificate) in
            [("server", "server-key.pem", "server.pem"), ("client", "key.pem", "cert.pem")]
        {
            made.openssl(&format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={who} -keyout {key} -out request"
            ));
            made.openssl(&format!(
                "x509 -req -in request -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile names \
                 -out {certificate}"
            ));
        }
        made
    }

    fn openssl(&self, arguments: &str) {
        let made = Command::new("openssl").args(arguments.split_whitespace()).current_dir(&self.0).output();
        let made = made.expect("this test needs the program openssl");
        assert!(made.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&made.stderr));
    }

    fn chain(&self, name: &str) -> Vec<CertificateDer<'static>> {
        let read = CertificateDer::pem_file_iter(self.0.join(name)).expect("a file");
        read.collect::<Result<_, _>>().expect("certificates")
    }

    /// A server that answers everything with yes, once it knows who asks.
    async fn serve(&self) -> String {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.chain("ca.pem"));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let known =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
        let key = PrivateKeyDer::from_pem_file(self.0.join("server-key.pem")).expect("a key");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions are known")
            .with_client_cert_verifier(known.expect("an authority is given"))
            .with_single_cert(self.chain("server.pem"), key)
            .expect("the key fits");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await?;
                    stream.read_u8().await?;
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK").await?;
                    // Until the other side has read it.
                    stream.read_to_end(&mut Vec::new()).await
                });
            }
        });
        format!("localhost:{port}")
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn docker(address: &str, certificates: &Path, verify: bool) -> Docker {
    let host = DockerHost::Tls { address: address.to_owned(), certificates: certificates.to_owned(), verify };
    Docker::new(&host, (String::new(), String::new()))
}

#[tokio::test]
async fn who_shows_the_right_certificate_and_sees_one_is_connected() {
    let certificates = Certificates::new("right");
    let address = certificates.serve().await;
    let docker = docker(&address, &certificates.0, true);
    assert_eq!(docker.ping().await, Ok(()), "{:?}", docker.trouble());
}

#[tokio::test]
async fn a_server_of_another_authority_is_not_trusted_unless_any_will_do() {
    let (theirs, ours) = (Certificates::new("theirs"), Certificates::new("ours"));
    let address = theirs.serve().await;
    let strict = docker(&address, &ours.0, true);
    assert_eq!(strict.ping().await, Err(Failure::Unknown(Silence::Disconnected)));
    let trouble = strict.trouble().expect("it has just been met");
    assert!(trouble.contains("certificate") && trouble.contains(&address), "{trouble}");
    // Our own certificate is theirs to judge, all the same.
    let stranger = docker(&address, &ours.0, false);
    assert_eq!(stranger.ping().await, Err(Failure::Unknown(Silence::Disconnected)));
    assert!(stranger.trouble().is_some_and(|trouble| trouble.contains("broke")), "{:?}", stranger.trouble());
    std::fs::copy(theirs.0.join("cert.pem"), ours.0.join("cert.pem")).expect("a copy");
    std::fs::copy(theirs.0.join("key.pem"), ours.0.join("key.pem")).expect("a copy");
    let lax = docker(&address, &ours.0, false);
    assert_eq!(lax.ping().await, Ok(()), "{:?}", lax.trouble());
}

#[tokio::test]
async fn a_file_that_is_missing_is_named() {
    let certificates = Certificates::new("missing");
    let address = certificates.serve().await;
    std::fs::remove_file(certificates.0.join("key.pem")).expect("it was there");
    let docker = docker(&address, &certificates.0, true);
    assert_eq!(docker.ping().await, Err(Failure::Unknown(Silence::Disconnected)));
    let trouble = docker.trouble().expect("it has just been met");
    assert!(trouble.contains("key.pem"), "{trouble}");
}
