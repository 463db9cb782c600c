//! The proxy's two sides of TLS.

use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::pki::{Authority, Identity};

/// How the proxy serves, and as whom it asks the API server.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) server: ServerConfig,
    pub(super) admin: ClientConfig,
    pub(super) anonymous: ClientConfig,
}

impl Tls {
    pub(super) fn new(authority: &Authority, admin: &Identity) -> Result<Self> {
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(certificate(authority.certificate())?)?;
        let roots = Arc::new(roots);
        let server = server(&authority.server("fault-proxy")?)?;
        let (chain, key) = chain(admin)?;
        let admin = client(&ring, &roots)?.with_client_auth_cert(chain, key)?;
        let anonymous = client(&ring, &roots)?.with_no_client_auth();
        Ok(Self { server, admin, anonymous })
    }
}

/// How a server with this identity serves whoever comes.
pub(crate) fn server(identity: &Identity) -> Result<ServerConfig> {
    let (chain, key) = chain(identity)?;
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // Go's clients would speak HTTP/2 otherwise.
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(server)
}

type ClientBuilder = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn client(provider: &Arc<CryptoProvider>, roots: &Arc<RootCertStore>) -> Result<ClientBuilder> {
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(provider)).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(Arc::clone(roots)))
}

fn chain(identity: &Identity) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).context("read a key")?;
    Ok((vec![certificate(&identity.certificate)?], key))
}

fn certificate(pem: &str) -> Result<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(pem.as_bytes()).context("read a certificate")
}
