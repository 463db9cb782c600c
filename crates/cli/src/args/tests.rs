use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::read(line.split_whitespace())
}

fn tail(line: &str) -> TailArgs {
    match parse(line).unwrap().command {
        Command::Tail(args) => args,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_declaration_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn tail_takes_what_kubectl_users_type() {
    let args = tail("rewitness tail widgets,gadgets svc -n team-a -l app=web -o json");
    assert_eq!(args.types, ["widgets", "gadgets", "svc"]);
    assert_eq!(args.scope.place.namespace.as_deref(), Some("team-a"));
    assert_eq!(args.scope.selector.unwrap().to_string(), "app=web");
    assert_eq!(args.output, Format::Json);
    assert_eq!(args.timeout, Duration::from_secs(60));
    assert!(!args.until_replayed && !args.gone && args.command.is_empty());

    let args = tail("rewitness tail widgets -A --hold demo --timeout 1m30s -- ./clean -x --hold y");
    assert!(args.scope.place.all_namespaces);
    assert_eq!(args.hold.unwrap().to_string(), "demo");
    assert_eq!(args.timeout, Duration::from_secs(90));
    assert_eq!(args.command, ["./clean", "-x", "--hold", "y"], "what follows -- is the command's");
}

#[test]
fn run_takes_lists_of_namespaces_and_kinds() {
    let line = "rewitness run --once --namespace-scope a,b --allow-protected-kinds \
                Namespace,Role.rbac.authorization.k8s.io";
    let Command::Run(args) = parse(line).unwrap().command else { panic!("{line}") };
    assert!(args.once);
    assert_eq!(args.namespace_scope.iter().map(|one| &**one).collect::<Vec<_>>(), ["a", "b"]);
    let kinds = [Kind::new("", "Namespace"), Kind::new("rbac.authorization.k8s.io", "Role")];
    assert_eq!(args.allow_protected_kinds, kinds);
}

#[test]
fn global_flags_go_before_and_after_the_command() {
    for line in [
        "rewitness --context a --kubeconfig /x tail widgets -v",
        "rewitness -v tail widgets --context a --kubeconfig /x",
    ] {
        let global = parse(line).unwrap().global;
        assert_eq!(
            (global.context.as_deref(), global.kubeconfig, global.verbose),
            (Some("a"), Some(PathBuf::from("/x")), 1)
        );
    }
}

#[test]
fn the_place_goes_before_and_after_the_command_and_the_later_one_is_meant() {
    for (line, namespace, everywhere) in [
        ("rewitness -n a tail widgets", Some("a"), false),
        ("rewitness --namespace=a tail widgets -n b", Some("b"), false),
        ("rewitness -A tail widgets", None, true),
        ("rewitness -A tail widgets -A", None, true),
    ] {
        let place = tail(line).scope.place;
        assert_eq!((place.namespace.as_deref(), place.all_namespaces), (namespace, everywhere), "{line}");
    }
    let Command::Unhold(args) = parse("rewitness -n a unhold demo widgets").unwrap().command else {
        panic!()
    };
    assert_eq!(args.scope.place.namespace.as_deref(), Some("a"));
}

#[test]
fn a_command_is_given_fewer_places_than_printing() {
    assert_eq!(tail("rewitness tail widgets").concurrency(), 128);
    assert_eq!(tail("rewitness tail widgets -- x").concurrency(), 4);
    assert_eq!(tail("rewitness tail widgets --concurrency 9 -- x").concurrency(), 9);
}

#[test]
fn wrong_use_has_status_2_and_names_what_is_wrong() {
    for (line, expected) in [
        ("rewitness", "Usage"),
        ("rewitness tail", "<TYPE>"),
        ("rewitness tale widgets", "tail"),
        ("rewitness tail widgets -n a -A", "--all-namespaces"),
        ("rewitness -n a tail widgets -A", "--all-namespaces"),
        ("rewitness -A tail widgets -n a", "--all-namespaces"),
        ("rewitness -A -n a tail widgets", "--all-namespaces"),
        ("rewitness -n a completions bash", "say nothing to this command"),
        ("rewitness tail widgets -n Team_A", "lower-case letters"),
        ("rewitness tail widgets --namespace=", "is not empty; -A is all of them"),
        ("rewitness tail widgets -l app=web,=x", "`=x` is not a label requirement"),
        ("rewitness tail widgets -o yaml", "text, json, name"),
        ("rewitness tail widgets --timeout 60", "500ms, 60s or 5m"),
        ("rewitness tail widgets --timeout 0s", "more than nothing"),
        ("rewitness tail widgets --timeout=-5s", "more than nothing"),
        ("rewitness tail widgets --concurrency 0", "1..=4096"),
        ("rewitness tail widgets --hold a/b", "`/` cannot be in a finalizer's name"),
        ("rewitness tail widgets --yes", "--hold"),
        ("rewitness tail widgets --allow-protected", "--hold"),
        ("rewitness tail widgets --nosuch", "--nosuch"),
        ("rewitness run --namespace-scope Team_A", "lower-case letters"),
        ("rewitness run --allow-protected-kinds namespaces", "written as Namespace"),
        ("rewitness unhold", "<NAME>"),
        ("rewitness unhold demo", "<TYPE>"),
        ("rewitness unhold -demo widgets", "-d"),
        ("rewitness completions cmd", "bash"),
    ] {
        let error = parse(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(error.to_string().contains(expected), "{line} does not name `{expected}`:\n{error}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for (line, kind) in [
        ("rewitness --help", ErrorKind::DisplayHelp),
        ("rewitness tail -h", ErrorKind::DisplayHelp),
        ("rewitness help unhold", ErrorKind::DisplayHelp),
        ("rewitness --version", ErrorKind::DisplayVersion),
    ] {
        let error = parse(line).unwrap_err();
        assert_eq!((error.kind(), error.exit_code()), (kind, 0), "{line}");
    }
}

#[test]
fn every_help_has_examples() {
    for line in [
        "rewitness -h",
        "rewitness tail -h",
        "rewitness run -h",
        "rewitness unhold -h",
        "rewitness completions -h",
    ] {
        assert!(parse(line).unwrap_err().to_string().contains("Examples:"), "{line}");
    }
}

#[test]
fn the_commands_about_cascades_take_what_one_would_type() {
    let Command::Unhold(args) = parse("rewitness unhold cascade/project --force").unwrap().command else {
        panic!("unhold")
    };
    assert_eq!(
        (args.hold.to_string(), args.types.len(), args.force),
        ("cascade/project".to_owned(), 0, true)
    );
    let Command::Confirm(args) = parse("rewitness -n a confirm project spaces/web -y").unwrap().command
    else {
        panic!("confirm")
    };
    assert_eq!((args.parent.as_str(), args.namespace.as_deref(), args.yes), ("spaces/web", Some("a"), true));
    let Command::Rbac(args) = parse("rewitness rbac -f a.yaml -f b.yaml --check --as x").unwrap().command
    else {
        panic!("rbac")
    };
    assert_eq!((args.files.len(), args.check, args.user.as_deref()), (2, true, Some("x")));
    for wrong in [
        "rewitness unhold demo",
        "rewitness -A plan project",
        "rewitness suspend",
        "rewitness suspend project --all",
        "rewitness confirm project",
        "rewitness rbac",
        "rewitness rbac --all -f a.yaml",
        "rewitness rbac --all --as x",
        "rewitness rbac --all --name a/b",
        "rewitness rbac --all --namespace-scope Team_A",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_help_of_plan_has_each_word_that_its_documents_are_made_of() {
    use rewitness_verdict::plan::{EXCESS, REFUSED, UNKNOWN};
    let help = parse("rewitness plan --help").unwrap_err().to_string();
    for (word, meaning) in [REFUSED, EXCESS, UNKNOWN].concat().iter().map(|one| (one.as_str(), one.meaning()))
    {
        assert!(help.contains(&format!("    {word} ")) && help.contains(meaning.trim()), "{word}: {help}");
    }
    assert!(help.trim_end().ends_with("2 wrong use."), "{help}");
}
