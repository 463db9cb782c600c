//! Commands as one types them: those that are advised work where this one did.

use std::fmt::Display;

use crate::args::GlobalArgs;
use crate::called;
use crate::text::shell_word;

/// The flags that say which cluster is meant, as they were given. A command that is pasted without
/// them goes to whichever cluster is the current one, and may confirm another deletion there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Typed {
    flags: String,
}

impl Typed {
    pub(crate) fn new(global: &GlobalArgs) -> Self {
        let mut flags = String::new();
        if let Some(file) = &global.kubeconfig {
            flags += &format!(" --kubeconfig {}", shell_word(&file.display().to_string()));
        }
        if let Some(context) = &global.context {
            flags += &format!(" --context {}", shell_word(context));
        }
        Self { flags }
    }

    /// `rewitness confirm …`, with words that are quoted already.
    pub(crate) fn rewitness(&self, words: impl Display) -> String {
        format!("{} {words}{}", called::typed(), self.flags)
    }

    /// `kubectl get …`, with words that are quoted already.
    pub(crate) fn kubectl(&self, words: impl Display) -> String {
        format!("kubectl {words}{}", self.flags)
    }
}

/// `projects.example.com/web -n team-a`: one object, by its type and its name.
pub(crate) fn object(kind: impl Display, namespace: Option<&str>, name: &str) -> String {
    format!("{}{}", shell_word(&format!("{kind}/{name}")), place(namespace))
}

/// ` -n team-a`; nothing for what lives in no namespace.
pub(crate) fn place(namespace: Option<&str>) -> String {
    namespace.map_or_else(String::new, |namespace| format!(" -n {}", shell_word(namespace)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_go_where_this_one_went_and_survive_a_shell() {
        let global = GlobalArgs {
            kubeconfig: Some("/my configs/prod".into()),
            context: Some("staging $1".to_owned()),
            ..GlobalArgs::default()
        };
        let words = format!("confirm project {}", object("projects.example.com", Some("a"), "it's"));
        assert_eq!(
            Typed::new(&global).rewitness(words),
            r"rewitness confirm project 'projects.example.com/it'\''s' -n a --kubeconfig '/my configs/prod' --context 'staging $1'"
        );
        let current = Typed::new(&GlobalArgs::default());
        assert_eq!(current.kubectl("get cascades"), "kubectl get cascades");
    }
}
