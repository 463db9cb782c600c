use std::borrow::Cow;
use std::fmt::{self, Write};

/// What is said instead of a command with a name in it that looks like another, or like nothing.
const UNREADABLE: &str = "a name in it has characters that cannot be seen or typed";

/// What is said instead of a command with a name in it that the program would take for something else.
const MISREAD: &str = "a name in it would be read as something else than a name";

/// A command that is suggested to a person, who pastes it into a shell.
///
/// # Guarantees
///
/// A POSIX shell takes it apart into exactly the words that were meant, and the program takes none of
/// them for a flag: all flags come first, and objects are named as `TYPE/NAME`. Where that cannot be
/// had, as with control characters in a name, a comment says that there is no command.
///
/// ```
/// use rewitness_crds::Command;
///
/// let delete = Command::kubectl("delete").object("events", "--all").namespace(Some("team-a"));
/// assert_eq!(delete.to_string(), "kubectl delete -n team-a events/--all");
/// let delete = Command::kubectl("delete").object("roles", "x; rm -rf ~");
/// assert_eq!(delete.to_string(), "kubectl delete 'roles/x; rm -rf ~'");
/// let delete = Command::kubectl("delete").object("roles", "x\nreboot");
/// assert!(delete.to_string().starts_with("# no command is suggested: "));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The program, its verb and its flags.
    head: String,
    /// What it is done with.
    words: String,
    next: Option<Box<Command>>,
    refused: Option<&'static str>,
}

impl Command {
    /// A command of a program, by its verb.
    pub fn new(program: &'static str, verb: &'static str) -> Self {
        Self { head: format!("{program} {verb}"), words: String::new(), next: None, refused: None }
    }

    /// A command of kubectl.
    pub fn kubectl(verb: &'static str) -> Self {
        Self::new("kubectl", verb)
    }

    /// With flags that are the same for everybody.
    pub fn flag(mut self, flag: &'static str) -> Self {
        let _ = write!(self.head, " {flag}");
        self
    }

    /// With a flag that has a value.
    pub fn option(mut self, flag: &'static str, value: impl AsRef<str>) -> Self {
        // A value that begins like a flag is no word of its own.
        let between = if value.as_ref().starts_with('-') { '=' } else { ' ' };
        let value = self.quoted(value.as_ref());
        let _ = write!(self.head, " {flag}{between}{value}");
        self
    }

    /// In a namespace, if there is one.
    pub fn namespace(self, namespace: Option<&str>) -> Self {
        match namespace {
            Some(namespace) => self.option("-n", namespace),
            None => self,
        }
    }

    /// On one object.
    pub fn object(mut self, kind: impl fmt::Display, name: &str) -> Self {
        // kubectl takes a list apart at commas, and what has a `=` or ends in a `-` for a change.
        if name.contains([',', '=', '/']) || name.ends_with('-') || name.is_empty() {
            self.refused.get_or_insert(MISREAD);
        }
        self.word(format!("{kind}/{name}"))
    }

    /// With a word that is neither a flag nor an object: a type, a Cascade, a change of a label.
    pub fn word(mut self, word: impl AsRef<str>) -> Self {
        let word = word.as_ref();
        if word.starts_with(['-', '/']) {
            self.refused.get_or_insert(MISREAD);
        }
        let word = self.quoted(word);
        let _ = write!(self.words, " {word}");
        self
    }

    /// With its output as the input of another.
    pub fn pipe(mut self, next: Self) -> Self {
        self.next = Some(Box::new(next));
        self
    }

    /// A word as a shell takes it back.
    fn quoted(&mut self, word: &str) -> String {
        if !word.chars().all(is_visible) {
            self.refused.get_or_insert(UNREADABLE);
        }
        match is_plain(word) {
            true => word.to_owned(),
            false => format!("'{}'", word.replace('\'', r"'\''")),
        }
    }

    fn refused(&self) -> Option<&'static str> {
        self.refused.or_else(|| self.next.as_ref()?.refused())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing of the names: a shell that knows no comments would take that for a command.
        if let Some(why) = self.refused() {
            return write!(f, "# no command is suggested: {why}");
        }
        write!(f, "{}{}", self.head, self.words)?;
        self.next.iter().try_for_each(|next| write!(f, " | {next}"))
    }
}

/// Whether a word is the same to every shell without quotes.
///
/// ```
/// assert!(rewitness_crds::is_plain("role/web-1.example.com"));
/// assert!(!rewitness_crds::is_plain("role/x;id"));
/// ```
pub fn is_plain(word: &str) -> bool {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_./:@=,+".contains(char);
    // zsh takes a word that begins with `=` for the path of a program.
    !word.is_empty() && !word.starts_with('=') && word.chars().all(plain)
}

/// A text from an object or a server as it may be printed: what could move the cursor, break the line or
/// look like something else is replaced.
///
/// ```
/// assert_eq!(rewitness_crds::visible("we\u{1b}[2Jb\n"), "we\u{fffd}[2Jb\u{fffd}");
/// ```
pub fn visible(text: &str) -> Cow<'_, str> {
    match text.chars().all(is_visible) {
        true => text.into(),
        false => text
            .chars()
            .map(|char| if is_visible(char) { char } else { char::REPLACEMENT_CHARACTER })
            .collect(),
    }
}

/// Whether a character is seen as what it is. Control characters, and those that turn the direction
/// of the text or take no room, make one name look like another.
fn is_visible(char: char) -> bool {
    let is_empty = matches!(
        char,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'
    );
    // Debug output escapes what cannot be printed. After a letter, so that accents may stand on it.
    let shown = format!("{:?}", ['a', char].iter().collect::<String>());
    !is_empty && (shown.chars().count() == 4 || matches!(char, '"' | '\\'))
}
