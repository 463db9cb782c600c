//! Suggested commands, through the shells that they are pasted into.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command as Process;

use rewitness_crds::Command;

/// Names that a shell or a program would take for something else.
const HOSTILE: &[&str] = &[
    "--all",
    "-A",
    "-",
    "--",
    "-n kube-system",
    "x;touch pwned",
    "x&&touch pwned",
    "x|touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "x > pwned",
    "<(touch pwned)",
    "$HOME",
    "${IFS}",
    "~",
    "~root",
    "*",
    "?",
    "[a-z]*",
    "{a,b}",
    "!!",
    "!x",
    "^a^b",
    "#x",
    "x #y",
    "'",
    "''",
    "it's",
    "\"",
    "\"$(touch pwned)\"",
    "\\",
    "a\\",
    "a b",
    " a",
    "a ",
    "=ls",
    "x=y",
    "x==",
    "a,b",
    "x-",
    "%",
    "x%2fy",
    "é",
    "中文",
    "\u{1f980}",
    "name:with:colons",
    "system:node",
    "a@b",
    "a+b",
    "$'\\n'",
    "&",
    "(x)",
    "x'y'z",
    "…",
    "1>&2",
    "a\\'b",
    "\\$x",
    "x\\\\",
];

/// Names with what cannot be seen or typed.
const UNREADABLE: &[&str] = &[
    "a\nb",
    "\n",
    "a\rb",
    "a\0b",
    "\u{1b}[2Kx",
    "\t",
    "a\u{7f}",
    "a\u{85}b",
    "a\u{2028}b",
    "a\u{202e}b",
    "a\u{2066}b",
    "a\u{200b}b",
    "a\u{200d}b",
    "\u{feff}a",
    "a\u{a0}b",
    "a\u{34f}b",
    "a\u{fe0f}",
    "a\u{3164}b",
    "a\u{e0001}b",
    "a\u{ad}b",
];

/// The words that the programs of a command line were started with, in each shell that there is.
fn started(folder: &Path, line: &str) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let mut found = Vec::new();
    for shell in ["sh", "bash", "dash", "zsh", "ksh"] {
        let log = folder.join("log");
        let _ = std::fs::remove_file(&log);
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = format!("{}:{}", folder.display(), others.display());
        let ran = Process::new(shell)
            .args(["-c", line])
            .env("PATH", path)
            .env("LOG", &log)
            .current_dir(folder)
            .output();
        // Not every machine has every shell, but each has sh.
        let Ok(ran) = ran else { continue };
        assert!(ran.status.success(), "{shell}: {line}: {ran:?}");
        let log = std::fs::read_to_string(&log).unwrap();
        let of = |one: &str| one.split_terminator('\0').map(str::to_owned).collect();
        found.push((shell, log.split_terminator("\0END\0").map(of).collect()));
    }
    assert!(found.len() >= 2, "{found:?}");
    let is_expected = |name: &std::ffi::OsStr| name == "kubectl" || name == "log";
    let others =
        std::fs::read_dir(folder).unwrap().filter(|one| !is_expected(&one.as_ref().unwrap().file_name()));
    assert_eq!(others.count(), 0, "something else was done by: {line}");
    found
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let stub = folder.path().join("kubectl");
    // One after the other, also in a pipe.
    std::fs::write(&stub, "#!/bin/sh\nfor word in \"$@\"; do printf '%s\\0' \"$word\" >> \"$LOG\"; done\nprintf '\\0END\\0' >> \"$LOG\"\n").unwrap();
    std::fs::set_permissions(&stub, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn a_shell_takes_each_command_apart_into_the_words_that_were_meant() {
    let folder = folder();
    for name in HOSTILE {
        let command = Command::kubectl("annotate")
            .object("roles.rbac.authorization.k8s.io", name)
            .option("--context", name)
            .namespace(Some(name))
            .flag("--overwrite")
            .word(format!("confirm={name}"));
        let misread = name.contains([',', '=', '/']) || name.ends_with('-');
        if misread {
            let said = command.to_string();
            assert_eq!(
                said,
                "# no command is suggested: a name in it would be read as something else than a name"
            );
            continue;
        }
        let of = |flag: &str| match name.starts_with('-') {
            true => vec![format!("{flag}={name}")],
            false => vec![flag.to_owned(), (*name).to_owned()],
        };
        let mut expected = vec!["annotate".to_owned()];
        expected.extend(of("--context").into_iter().chain(of("-n")));
        expected.push("--overwrite".to_owned());
        expected.push(format!("roles.rbac.authorization.k8s.io/{name}"));
        expected.push(format!("confirm={name}"));
        for (shell, words) in started(folder.path(), &command.to_string()) {
            assert_eq!(words, [expected.clone()], "{shell}: {command}");
        }
    }
}

#[test]
fn a_name_that_cannot_be_seen_or_typed_is_in_no_command() {
    for name in UNREADABLE {
        let kubectl = || Command::kubectl("delete");
        for command in [
            kubectl().object("events", name),
            kubectl().object(name, "web"),
            kubectl().namespace(Some(name)).object("events", "web"),
            kubectl().word(name),
            kubectl().object("events", "web").pipe(kubectl().option("--raw", name)),
        ] {
            let said = command.to_string();
            assert_eq!(
                said,
                "# no command is suggested: a name in it has characters that cannot be seen or typed"
            );
        }
    }
}

#[test]
fn no_word_can_be_taken_for_a_flag() {
    for word in ["--all", "-A", "-"] {
        assert!(Command::kubectl("label").word(word).to_string().starts_with("# no command"), "{word}");
        assert!(
            Command::kubectl("label").object(word, "x").to_string().starts_with("# no command"),
            "{word}"
        );
    }
}
