//! Encryption of connections that go out: to Docker, to receivers of alerts, to whoever has a playlist. Here is said
//! which protocols are spoken and whose certificates are believed; nothing is sent.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme, WantsVerifier,
};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// What makes connections to anybody whom browsers trust, or one of these authorities vouches for.
pub(crate) fn public(authorities: &[CertificateDer<'static>]) -> TlsConnector {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // Files of a system may hold some that are too odd to be of use; the others are.
    roots.add_parsable_certificates(authorities.iter().cloned());
    let config = begin(provider()).with_root_certificates(roots).with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// What makes connections with the three files that Docker's own client uses: `ca.pem`, `cert.pem`, `key.pem`. The
/// authorities that browsers trust are not asked: Docker's certificates come from one's own. Without `verify` any
/// certificate of the other side will do, as with Docker's own client when DOCKER_TLS_VERIFY is not set: it hides what
/// is said from those who only listen, and from nobody who can answer in Docker's place.
pub(crate) fn with_folder(folder: &Path, verify: bool) -> Result<TlsConnector, String> {
    let provider = provider();
    let builder = begin(provider.clone());
    let builder = if verify {
        builder.with_root_certificates(authorities(&folder.join("ca.pem"))?)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    };
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let config = if cert.exists() || key.exists() {
        let chain = certificates(&cert)?;
        let key = PrivateKeyDer::from_pem_file(&key)
            .map_err(|error| format!("{} holds no readable private key: {error}", key.display()))?;
        builder.with_client_auth_cert(chain, key).map_err(|error| {
            format!("cert.pem and key.pem in {} do not belong together: {error}", folder.display())
        })?
    } else {
        builder.with_no_client_auth()
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The name that a host's certificate has to carry. An IPv6 address may be in brackets.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned())
        .map_err(|_| format!("{host} is no name that a certificate can carry"))
}

/// The certificates in a text.
pub(crate) fn certificates_in(text: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    all(CertificateDer::pem_slice_iter(text.as_bytes()))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn begin(provider: Arc<CryptoProvider>) -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks the protocol versions that rustls does")
}

fn authorities(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| format!("{} is of no use: {error}", path.display()))?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(path).map_err(|error| format!("it cannot be read: {error}"));
    found.and_then(all).map_err(|wrong| format!("{}: {wrong}", path.display()))
}

fn all(
    found: impl Iterator<Item = Result<CertificateDer<'static>, pem::Error>>,
) -> Result<Vec<CertificateDer<'static>>, String> {
    match found.collect::<Result<Vec<_>, _>>() {
        Ok(found) if found.is_empty() => Err("it holds no certificate".into()),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("it cannot be read: {error}")),
    }
}

/// Takes any certificate, but checks that whoever shows it has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
