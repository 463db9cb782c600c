use super::*;

fn asked(words: &[&str]) -> String {
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    String::from_utf8(for_kubectl(&words).unwrap()).unwrap()
}

#[test]
fn kubectl_is_answered_with_a_line_per_candidate_and_a_directive() {
    let text = asked(&["sus"]);
    let expected =
        "suspend\tSuspend Cascades: no deletion begins or continues until `kubectl rewitness resume`\n:4\n";
    assert_eq!(text, expected);
    let text = asked(&["why", "x/y", "-o", ""]);
    assert_eq!(text, "text\tFor people\njson\nyaml\n:4\n");
}

#[test]
fn flags_are_offered_to_who_begins_one() {
    for (words, offered) in [(&[""][..], false), (&[][..], false), (&["--"], true), (&["tail", "--ho"], true)]
    {
        let text = asked(words);
        assert_eq!(text.lines().any(|line| line.starts_with("--")), offered, "{words:?}: {text}");
    }
    assert!(asked(&["tail", "--ho"]).starts_with("--hold\tKeep what is deleted"));
    assert!(asked(&[""]).contains("\nwhy\tSay why"));
}

#[test]
fn the_words_of_another_command_are_left_to_the_shell() {
    assert_eq!(asked(&["tail", "pods", "--", "gr"]), ":0\n");
}

#[test]
fn a_folder_is_typed_on_without_a_space() {
    let folder = [CompletionCandidate::new("deploy/")];
    assert_eq!(lines(&folder, "de"), "deploy/\n:6\n");
    let more = [CompletionCandidate::new("deploy/"), CompletionCandidate::new("demo")];
    assert_eq!(lines(&more, "de"), "deploy/\ndemo\n:4\n");
    assert_eq!(lines(&[CompletionCandidate::new("a\nb")], ""), ":4\n", "one line is one candidate");
}

#[test]
fn what_is_typed_says_where_to_look_however_unfinished_it_is() {
    let of = |line: &str| Typed::of(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
    let typed = of("rewitness -n a why --context dev pods");
    assert_eq!(
        (typed.namespace.as_deref(), typed.global.context.as_deref(), typed.subject.as_deref()),
        (Some("a"), Some("dev"), Some("pods"))
    );
    let typed = of("rewitness confirm project -n b");
    assert_eq!((typed.namespace.as_deref(), typed.subject.as_deref()), (Some("b"), Some("project")));
    assert!(of("rewitness plan -f cascade.yaml").from_file);
    assert!(of("rewitness tail -A").all_namespaces);
    assert_eq!(of("rewitness nonsense").subject, None);
    assert_eq!(of("rewitness why --help").subject, None);
}

#[test]
fn every_shell_that_can_be_named_has_a_script() {
    use clap::ValueEnum as _;
    for shell in Shell::value_variants() {
        let script = String::from_utf8(script(*shell, Name::Program).unwrap()).unwrap();
        assert!(script.contains(VARIABLE) && script.contains("rewitness"), "{shell}: {script}");
    }
}
