//! Kubeconfig files, and clients made from them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use k8s_openapi::ByteString;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::pki::Identity;

/// How a client proves who it is.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    Certificate(Identity),
    Token(String),
}

impl Credentials {
    fn to_json(&self) -> Value {
        match self {
            Self::Certificate(identity) => json!({
                "client-certificate-data": base64(&identity.certificate),
                "client-key-data": base64(&identity.key),
            }),
            Self::Token(token) => json!({"token": token}),
        }
    }
}

fn base64(pem: &str) -> ByteString {
    ByteString(pem.as_bytes().to_vec())
}

/// Writes a kubeconfig with everything inside, so that it can be copied elsewhere. JSON is YAML.
pub(crate) fn write(path: &Path, port: u16, authority: &str, credentials: &Credentials) -> Result<()> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "controlplane", "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority-data": base64(authority),
        }}],
        "users": [{"name": "user", "user": credentials.to_json()}],
        "contexts": [{"name": "controlplane", "context": {"cluster": "controlplane", "user": "user"}}],
        "current-context": "controlplane",
    });
    let text = serde_json::to_vec_pretty(&config)?;
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

/// A client for the user of this kubeconfig that reports every failure: kube's own retries are off, since a
/// test wants to see each answer.
///
/// It belongs to the runtime that calls this; make one per test.
///
/// # Errors
/// An unreadable kubeconfig.
pub async fn client(kubeconfig: &Path) -> Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig).with_context(|| format!("read {}", kubeconfig.display()))?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

/// The bearer token inside a kubeconfig.
pub(crate) fn token(kubeconfig: &Path) -> Result<String> {
    let config: Value = serde_json::from_slice(&fs::read(kubeconfig)?)?;
    let token = config.pointer("/users/0/user/token").and_then(Value::as_str);
    token.map(String::from).with_context(|| format!("{} has no token", kubeconfig.display()))
}
