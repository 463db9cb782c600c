//! Commands as one types them: those that are advised work where this one did.

use std::fmt::Display;
use std::path::Path;

use crate::text::shell_word;

/// The flags that say which cluster is meant, as they were given. A command that is pasted without
/// them goes to whichever cluster is the current one, and may confirm another deletion there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// How a person types the program: `rewitness`, or `kubectl rewitness`.
    pub program: &'static str,
    flags: String,
}

/// The program by its own name, and the cluster that is the current one.
impl Default for Typed {
    fn default() -> Self {
        Self::new("rewitness", None, None)
    }
}

impl Typed {
    /// Commands of a program that is typed so, with the flags that it was given.
    pub fn new(program: &'static str, kubeconfig: Option<&Path>, context: Option<&str>) -> Self {
        let mut flags = String::new();
        if let Some(file) = kubeconfig {
            flags += &format!(" --kubeconfig {}", shell_word(&file.display().to_string()));
        }
        if let Some(context) = context {
            flags += &format!(" --context {}", shell_word(context));
        }
        Self { program, flags }
    }

    /// `rewitness confirm …`, with words that are quoted already.
    pub fn rewitness(&self, words: impl Display) -> String {
        format!("{} {words}{}", self.program, self.flags)
    }

    /// `kubectl get …`, with words that are quoted already.
    pub fn kubectl(&self, words: impl Display) -> String {
        format!("kubectl {words}{}", self.flags)
    }
}

/// `projects.example.com/web -n team-a`: one object, by its type and its name.
pub fn object(kind: impl Display, namespace: Option<&str>, name: &str) -> String {
    format!("{}{}", shell_word(&format!("{kind}/{name}")), place(namespace))
}

/// ` -n team-a`; nothing for what lives in no namespace.
pub fn place(namespace: Option<&str>) -> String {
    namespace.map_or_else(String::new, |namespace| format!(" -n {}", shell_word(namespace)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_go_where_this_one_went_and_survive_a_shell() {
        let (file, context) = (Path::new("/my configs/prod"), "staging $1");
        let words = format!("confirm project {}", object("projects.example.com", Some("a"), "it's"));
        assert_eq!(
            Typed::new("rewitness", Some(file), Some(context)).rewitness(words),
            r"rewitness confirm project 'projects.example.com/it'\''s' -n a --kubeconfig '/my configs/prod' --context 'staging $1'"
        );
        let current = Typed::default();
        assert_eq!(current.kubectl("get cascades"), "kubectl get cascades");
    }
}
