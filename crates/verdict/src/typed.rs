//! Commands as one types them: those that are advised work where this one did.

use std::fmt;
use std::path::Path;

use rewitness_cascade::Right;
use rewitness_crds::Command;
use rewitness_messaging::ResourceId;

/// The flags that say which cluster is meant, as they were given. A command that is pasted without
/// them goes to whichever cluster is the current one, and may confirm another deletion there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// How a person types the program: `rewitness`, or `kubectl rewitness`.
    pub program: &'static str,
    kubeconfig: Option<String>,
    context: Option<String>,
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
        let kubeconfig = kubeconfig.map(|file| file.display().to_string());
        Self { program, kubeconfig, context: context.map(str::to_owned) }
    }

    /// The same, with the context that was current when none was given: another may be by then.
    pub fn in_context(&self, context: Option<&str>) -> Self {
        Self { context: context.map(str::to_owned), ..self.clone() }
    }

    /// A command of this program.
    pub fn rewitness(&self, verb: &'static str) -> Command {
        self.with_flags(Command::new(self.program, verb))
    }

    /// A command of kubectl.
    pub fn kubectl(&self, verb: &'static str) -> Command {
        self.with_flags(Command::kubectl(verb))
    }

    /// Asks whether somebody has a right.
    pub fn can_i(&self, right: &Right) -> Command {
        let (plural, subresource) = right.parts();
        let dot = if right.group.is_empty() { "" } else { "." };
        let kind = format!("{plural}{dot}{}", right.group);
        let mut ask = self.kubectl("auth can-i").word(right.verb).namespace(right.namespace.as_deref());
        if !subresource.is_empty() {
            ask = ask.option("--subresource", subresource);
        }
        match &right.name {
            Some(name) => ask.object(kind, name),
            None => ask.word(kind),
        }
    }

    fn with_flags(&self, command: Command) -> Command {
        let flags = [("--kubeconfig", &self.kubeconfig), ("--context", &self.context)];
        flags.into_iter().fold(command, |command, (flag, value)| match value {
            Some(value) => command.option(flag, value),
            None => command,
        })
    }
}

/// One object, by its type, its name and its namespace. Written in a sentence it is
/// `projects.example.com/web -n team-a`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// Its type.
    pub kind: String,
    /// Its namespace, if it has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Object {
    /// A resource, by its type as the server names it.
    pub fn new(kind: impl fmt::Display, id: &ResourceId) -> Self {
        let namespace = id.namespace.as_deref().map(str::to_owned);
        Self { kind: kind.to_string(), namespace, name: id.name.to_string() }
    }

    /// A command about it.
    pub fn of(&self, command: Command) -> Command {
        command.namespace(self.namespace.as_deref()).object(&self.kind, &self.name)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name.escape_debug())?;
        self.namespace.as_ref().map_or(Ok(()), |namespace| write!(f, " -n {namespace}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_go_where_this_one_went() {
        let typed = Typed::new("rewitness", Some(Path::new("/my configs/prod")), Some("staging $1"));
        let object = Object {
            kind: "projects.example.com".to_owned(),
            namespace: Some("a".to_owned()),
            name: "it's".to_owned(),
        };
        assert_eq!(
            object.of(typed.rewitness("confirm").word("project")).to_string(),
            r"rewitness confirm --kubeconfig '/my configs/prod' --context 'staging $1' -n a project 'projects.example.com/it'\''s'"
        );
        let current = Typed::default();
        assert_eq!(current.kubectl("get").word("cascades").to_string(), "kubectl get cascades");
    }
}
