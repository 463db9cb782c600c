//! Which configuration is used when, and what is said when it cannot be.

use std::path::{Path, PathBuf};

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

use crate::exit::wrong_use;

/// What the flags and the environment name.
#[derive(Clone, Debug, Default)]
pub(super) struct Named {
    /// By `--kubeconfig`.
    pub(super) flag: Option<PathBuf>,
    /// By `$KUBECONFIG`, a list.
    pub(super) listed: Vec<PathBuf>,
    /// `~/.kube/config`.
    pub(super) home: Option<PathBuf>,
    /// Whether Kubernetes tells us where it is, as it tells every pod.
    pub(super) in_pod: bool,
}

/// Where the configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// These files, the first of which goes before the others.
    Files(Vec<PathBuf>),
    /// The pod's ServiceAccount.
    Pod,
}

impl Named {
    pub(super) fn by(flag: Option<PathBuf>) -> Self {
        let listed = std::env::var_os("KUBECONFIG").unwrap_or_default();
        let named = |file: &PathBuf| !file.as_os_str().is_empty();
        Self {
            flag,
            listed: std::env::split_paths(&listed).filter(named).collect(),
            home: std::env::home_dir().map(|home| home.join(".kube/config")),
            in_pod: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
        }
    }

    /// What is used of it, as kubectl chooses: a flag goes before all else; files of a list may be
    /// missing; and a pod's ServiceAccount is the last choice, also in a pod.
    pub(super) fn choose(self, is_there: impl Fn(&Path) -> bool) -> anyhow::Result<Origin> {
        let Self { flag, listed, home, in_pod } = self;
        if let Some(file) = flag {
            return Ok(Origin::Files(vec![file]));
        }
        let wanted = if listed.is_empty() { home.into_iter().collect() } else { listed.clone() };
        let there: Vec<PathBuf> = wanted.into_iter().filter(|file| is_there(file)).collect();
        match (&*there, in_pod, &*listed) {
            ([_, ..], ..) => Ok(Origin::Files(there)),
            ([], true, _) => Ok(Origin::Pod),
            ([], false, []) => Err(wrong_use(
                "no cluster is configured: there is neither $KUBECONFIG nor ~/.kube/config, and this is no pod\n\
                 name a kubeconfig with --kubeconfig FILE",
            )),
            ([], false, [file]) => {
                Err(wrong_use(format!("there is no kubeconfig {}, which $KUBECONFIG names", file.display())))
            }
            ([], false, files) => {
                let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
                Err(wrong_use(format!("there is none of the files of $KUBECONFIG: {}", files.join(", "))))
            }
        }
    }
}

/// Whether a file is there. One that cannot be looked at is, and reading it says what is wrong.
pub(super) fn is_there(file: &Path) -> bool {
    file.try_exists().unwrap_or(true)
}

/// Several files as one: of what is in two of them, the first says how it is.
pub(super) fn read(files: &[PathBuf]) -> anyhow::Result<Kubeconfig> {
    files.iter().try_fold(Kubeconfig::default(), |merged, file| {
        let read = Kubeconfig::read_from(file).and_then(|next| merged.merge(next));
        read.map_err(|error| unreadable(error, file))
    })
}

fn unreadable(error: KubeconfigError, file: &Path) -> anyhow::Error {
    match error {
        KubeconfigError::ReadConfig(error, path) if error.kind() == std::io::ErrorKind::NotFound => {
            wrong_use(format!("there is no kubeconfig {}", path.display()))
        }
        KubeconfigError::ReadConfig(error, path) => {
            wrong_use(format!("cannot read the kubeconfig {}: {error}", path.display()))
        }
        error => wrong_use(format!("cannot use the kubeconfig {}: {error}", file.display())),
    }
}

/// The configuration of a context, and its name.
pub(super) async fn of_context(
    mut kubeconfig: Kubeconfig,
    context: Option<&str>,
) -> anyhow::Result<(kube::Config, String)> {
    let mut contexts: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    contexts.sort_unstable();
    let known = || match &*contexts {
        [] => "the kubeconfig has none".to_owned(),
        names => format!("the kubeconfig has: {}", names.join(", ")),
    };
    let Some(name) = context.map(str::to_owned).or_else(|| kubeconfig.current_context.clone()) else {
        return Err(wrong_use(format!(
            "the kubeconfig has no current context\nchoose one with --context NAME; {}",
            known()
        )));
    };
    if !contexts.contains(&name) {
        return Err(wrong_use(format!("there is no context `{name}`\n{}", known())));
    }
    // Go's decoder, and with it kubectl, ignores line ends in base64.
    for cluster in kubeconfig.clusters.iter_mut().flat_map(|named| &mut named.cluster) {
        if let Some(data) = &mut cluster.certificate_authority_data {
            data.retain(|char| !matches!(char, '\r' | '\n'));
        }
    }
    let options = KubeConfigOptions { context: Some(name.clone()), ..KubeConfigOptions::default() };
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| wrong_use(format!("the kubeconfig's context `{name}` cannot be used: {error}")))?;
    Ok((config, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::describe;

    /// What is chosen if only these files are there.
    fn chosen(named: Named, there: &[&str]) -> Result<Origin, String> {
        let is_there = |file: &Path| there.iter().any(|one| file == Path::new(one));
        named.choose(is_there).map_err(|error| describe(&error))
    }

    fn paths(files: &[&str]) -> Vec<PathBuf> {
        files.iter().map(PathBuf::from).collect()
    }

    fn files(files: &[&str]) -> Result<Origin, String> {
        Ok(Origin::Files(paths(files)))
    }

    #[test]
    fn the_configuration_is_chosen_as_kubectl_chooses_it() {
        let everything = Named {
            flag: Some("/flag".into()),
            listed: paths(&["/a", "/b"]),
            home: Some("/home".into()),
            in_pod: true,
        };
        let no_flag = Named { flag: None, ..everything.clone() };
        let no_list = Named { listed: Vec::new(), ..no_flag.clone() };
        let all = ["/a", "/b", "/flag", "/home"];
        assert_eq!(chosen(everything.clone(), &all), files(&["/flag"]));
        assert_eq!(chosen(everything, &[]), files(&["/flag"]), "a file that was named must be there");
        assert_eq!(chosen(no_flag.clone(), &all), files(&["/a", "/b"]));
        assert_eq!(chosen(no_flag.clone(), &["/b", "/home"]), files(&["/b"]), "a list may have gaps");
        assert_eq!(
            chosen(no_flag.clone(), &["/home"]),
            Ok(Origin::Pod),
            "the list stands for ~/.kube/config"
        );
        assert_eq!(chosen(no_list.clone(), &all), files(&["/home"]), "also in a pod");
        assert_eq!(chosen(no_list, &["/a"]), Ok(Origin::Pod));
    }

    #[test]
    fn where_nothing_is_configured_it_is_said_what_was_looked_for() {
        let outside = Named { home: Some("/home".into()), ..Named::default() };
        let listed = |files: &[&str]| Named { listed: paths(files), ..outside.clone() };
        for (named, expected) in [
            (outside.clone(), "neither $KUBECONFIG nor ~/.kube/config"),
            (listed(&["/a"]), "there is no kubeconfig /a, which $KUBECONFIG names"),
            (listed(&["/a", "/b"]), "none of the files of $KUBECONFIG: /a, /b"),
        ] {
            let said = chosen(named, &[]).unwrap_err();
            assert!(said.contains(expected), "{said}");
        }
    }
}
