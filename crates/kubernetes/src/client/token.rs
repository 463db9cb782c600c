use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;
use kube::client::AuthError;
use kube::config::AuthInfo;
use secrecy::ExposeSecret as _;

/// How long a token from a file is used, as in kubectl. Whoever writes the file rotates it.
const READ_AGAIN: Duration = Duration::from_secs(60);

/// A bearer token, as kubectl reads one: white space around it is none of it, and a file goes before
/// a token that is written out. kube does neither, and panics at a token with a line end.
#[derive(Clone)]
pub(super) struct Token {
    file: Option<PathBuf>,
    read: Arc<Mutex<(Instant, HeaderValue)>>,
}

impl Token {
    /// That of a configuration, in which none is left.
    pub(super) fn take(auth: &mut AuthInfo) -> Result<Option<Self>, AuthError> {
        let (written, file) = (auth.token.take(), auth.token_file.take().map(PathBuf::from));
        let written = written.map(|token| token.expose_secret().trim().to_owned());
        let written = written.filter(|token| !token.is_empty()).map(|token| bearer(&token));
        let header = match (file.as_ref().map(of_file), written) {
            (Some(Ok(header)), _) => header,
            // As client-go: what is written out serves until the file can be read.
            (_, Some(written)) => written?,
            (Some(Err(error)), None) => return Err(error),
            (None, None) => return Ok(None),
        };
        auth.exec = None;
        Ok(Some(Self { file, read: Arc::new(Mutex::new((Instant::now(), header))) }))
    }

    /// The value of the header. Of a file that can no longer be read it is the last that could be.
    pub(super) fn header(&self) -> HeaderValue {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = self.file.as_ref().filter(|_| read.0.elapsed() >= READ_AGAIN) {
            let header = of_file(file).unwrap_or_else(|_| read.1.clone());
            *read = (Instant::now(), header);
        }
        read.1.clone()
    }
}

fn of_file(file: &PathBuf) -> Result<HeaderValue, AuthError> {
    let text = std::fs::read_to_string(file).and_then(|text| match text.trim() {
        "" => Err(io::Error::new(io::ErrorKind::InvalidData, "it is empty")),
        token => Ok(token.to_owned()),
    });
    bearer(&text.map_err(|source| AuthError::ReadTokenFile(source, file.clone()))?)
}

fn bearer(token: &str) -> Result<HeaderValue, AuthError> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {}", token.trim())).map_err(AuthError::InvalidBearerToken)?;
    value.set_sensitive(true);
    Ok(value)
}
