//! Where the demo takes place: a control plane of its own, or somebody's cluster.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Result;
use kube::Client;
use rewitness_controlplane::{Config, ControlPlane};

use crate::context::Context;
use crate::platform::PlatformKind;
use crate::screen::Screen;

/// An API server, and how the program is told of it.
pub(crate) struct Place {
    pub(crate) client: Client,
    at: At,
}

enum At {
    Own(Box<ControlPlane>),
    Context(Context),
}

impl Place {
    /// Starts a control plane, which builds its programs first if there are none.
    pub(crate) async fn own(screen: &Screen) -> Result<Self> {
        let begun = Instant::now();
        let plane = ControlPlane::start(Config::default()).await?;
        let client = plane.client().await?;
        let version = client.apiserver_version().await?.git_version;
        screen.line(format_args!(
            "etcd and kube-apiserver {version} run on 127.0.0.1:{}, started in {:.1} s.",
            plane.port(),
            begun.elapsed().as_secs_f64()
        ));
        Ok(Self { client, at: At::Own(Box::new(plane)) })
    }

    pub(crate) fn somebodys(context: Context) -> Self {
        Self { client: context.client.clone(), at: At::Context(context) }
    }

    /// Somebody's cluster, if it is one.
    pub(crate) fn context(&self) -> Option<&Context> {
        match &self.at {
            At::Own(_) => None,
            At::Context(context) => Some(context),
        }
    }

    /// The types as they are named on the command line: in somebody's cluster by their full names, since other groups
    /// may have projects, networks and clusters too.
    pub(crate) fn types(&self, kinds: &[PlatformKind]) -> String {
        let name = |kind: &PlatformKind| match &self.at {
            At::Own(_) => kind.plural().to_owned(),
            At::Context(_) => kind.full_name(),
        };
        kinds.iter().map(name).collect::<Vec<_>>().join(",")
    }

    /// What comes after the program's name for it to find the API server.
    pub(crate) fn flags(&self) -> String {
        match &self.at {
            At::Own(_) => String::new(),
            At::Context(context) => format!(" --context '{}'", context.name.replace('\'', r"'\''")),
        }
    }

    /// Whether there is a kubectl for those who type commands.
    pub(crate) fn has_kubectl(&self) -> bool {
        self.tools().any(|folder| folder.join("kubectl").is_file())
    }

    /// Where programs are looked for: our own control plane brings its kubectl along.
    fn tools(&self) -> impl Iterator<Item = PathBuf> {
        let own = match &self.at {
            At::Own(plane) => plane.kubectl_program().parent().map(Path::to_owned),
            At::Context(_) => None,
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        own.into_iter().chain(std::env::split_paths(&path).collect::<Vec<_>>())
    }

    /// A shell with a command line, in which the program and kubectl are found by their names.
    pub(crate) fn shell(&self, program: &Path, line: &str) -> Result<Command> {
        let folders = program.parent().map(Path::to_owned).into_iter().chain(self.tools());
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).env("PATH", std::env::join_paths(folders)?);
        if let At::Own(plane) = &self.at {
            shell.env("KUBECONFIG", plane.kubeconfig());
        }
        Ok(shell)
    }

    /// The program with these arguments, and the same as it would be typed.
    pub(crate) fn command(&self, program: &Path, args: &[&str]) -> (Command, String) {
        let mut command = Command::new(program);
        let mut typed = vec!["rewitness"];
        match &self.at {
            At::Own(plane) => {
                command.env("KUBECONFIG", plane.kubeconfig());
            }
            At::Context(context) => {
                command.args(["--context", &context.name]);
                typed.extend(["--context", &context.name]);
            }
        }
        command.args(args);
        typed.extend(args);
        (command, typed.join(" "))
    }
}
