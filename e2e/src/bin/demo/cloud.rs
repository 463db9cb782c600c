//! A folder that stands for a cloud, and the consumer that keeps it in step with the resources.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::platform::Thing;

/// The consumer. Any POSIX shell runs it.
pub(crate) const CONSUMER: &str = r#"sleep 0.1                                # a cloud takes its time
record="cloud/$REWITNESS_KIND.$REWITNESS_NAMESPACE.$REWITNESS_NAME"
if [ -e "$record.refused" ]; then cat "$record.refused"; exit 1; fi
case $REWITNESS_STATE in
  live)     cat > "$record" ;;           # stdin is the delivery, as JSON
  deleting) rm -f "$record" ;;
esac
"#;

/// How the consumer is called.
pub(crate) const CALL: [&str; 2] = ["sh", "consumer.sh"];

/// The folder with the consumer and its cloud.
pub(crate) struct Cloud {
    dir: PathBuf,
}

/// What the consumer was told of a resource when it last provided it.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) uid: String,
    pub(crate) resource_version: String,
}

impl Cloud {
    /// Writes the consumer and an empty cloud into a folder.
    pub(crate) fn new(dir: &Path) -> Result<Self> {
        fs::write(dir.join("consumer.sh"), CONSUMER).context("write the consumer")?;
        fs::create_dir(dir.join("cloud")).context("create the cloud")?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Where the consumer has to be called.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the cloud knows of a resource; nothing also while that is being written.
    pub(crate) fn record(&self, thing: &Thing) -> Option<Record> {
        let text = fs::read(self.path(thing)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Whether there is anything in the cloud for a resource.
    pub(crate) fn has(&self, thing: &Thing) -> bool {
        self.path(thing).exists()
    }

    /// From here on the cloud refuses what concerns a resource.
    pub(crate) fn refuse(&self, thing: &Thing, reason: &str) -> Result<()> {
        fs::write(self.refusal(thing), format!("{reason}\n")).context("refuse")
    }

    /// From here on it does not.
    pub(crate) fn relent(&self, thing: &Thing) -> Result<()> {
        match fs::remove_file(self.refusal(thing)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error).context("relent"),
            _ => Ok(()),
        }
    }

    fn path(&self, thing: &Thing) -> PathBuf {
        let namespace = thing.namespace.unwrap_or_default();
        self.dir.join("cloud").join(format!("{}.{namespace}.{}", thing.kind.name(), thing.name))
    }

    fn refusal(&self, thing: &Thing) -> PathBuf {
        let mut path = self.path(thing).into_os_string();
        path.push(".refused");
        path.into()
    }
}
