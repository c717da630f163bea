//! A receiver of alerts on a real socket, which does as a test says, and keeps what it was told.

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testbed::web::{self, Answer, Asked};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// The longest that a test waits for a message.
const PATIENCE: Duration = Duration::from_secs(20);

/// What it was told.
pub(crate) type Told = Arc<Mutex<Vec<Asked>>>;

/// A receiver. It goes with the test.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    told: Told,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// One whose answer to each request, counted from 0, the test gives. `None`: it never answers.
    pub(crate) async fn that(answers: impl Fn(usize) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it has one");
        let told = Told::default();
        let (kept, answers) = (told.clone(), Arc::new(answers));
        let task = tokio::spawn(async move {
            let (_always, open) = watch::channel(true);
            let handler = move |asked: Asked| {
                let (kept, answers) = (kept.clone(), answers.clone());
                async move {
                    let number = {
                        let mut kept = kept.lock().expect("no test has failed holding it");
                        kept.push(asked);
                        kept.len() - 1
                    };
                    match answers(number) {
                        Some(answer) => answer,
                        None => std::future::pending().await,
                    }
                }
            };
            drop(web::serve(listener, open, handler).await);
        });
        Self { address, told, task }
    }

    /// One that takes everything.
    pub(crate) async fn that_is_glad() -> Self {
        Self::that(|_| Some(web::text(hyper::StatusCode::OK, "thank you"))).await
    }

    /// How many requests it was sent.
    pub(crate) fn count(&self) -> usize {
        self.told.lock().expect("no test has failed holding it").len()
    }

    /// Waits until it has been sent so many, and tells the last one of them.
    pub(crate) async fn told(&self, number: usize) -> Asked {
        let arrived = async {
            while self.count() < number {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, arrived).await.expect("it is told in time");
        self.told.lock().expect("no test has failed holding it")[number - 1].clone()
    }
}

/// Answers one encrypted request with a 200, as `localhost`. Tells the address and the certificate.
pub(crate) async fn encrypted() -> (SocketAddr, CertificateDer<'static>, JoinHandle<Vec<u8>>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("they are known")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("they belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it has one");
    let task = tokio::spawn(async move {
        // Whoever does not trust the certificate hangs up, and may come again.
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut read = vec![0; 4_096];
            let Ok(length) = stream.read(&mut read).await else { continue };
            read.truncate(length);
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await);
            drop(stream.shutdown().await);
            return read;
        }
    });
    (address, made.cert.der().clone(), task)
}
