use super::*;

fn count(kind: &str, to_add: u64, held: u64, protected: u64) -> Count {
    Count { kind: kind.to_owned(), to_add, held, protected }
}

#[test]
fn what_will_get_the_finalizer_is_said_by_kind() {
    let counts = [count("widgets.example.com", 1204, 96, 0), count("secrets", 7, 0, 12)];
    assert_eq!(
        announcement("hold.rewitness.dev/demo", "https://127.0.0.1:6443 of context `dev`", &counts, true),
        "\
1,211 resources will get the finalizer hold.rewitness.dev/demo on https://127.0.0.1:6443 of context `dev`:
  widgets.example.com      1,204  (96 have it already)
  secrets                      7  (12 in kube-* namespaces, left alone)
So will resources that are created meanwhile. A deleted one stays until the command has
answered for it with exit status 0."
    );
}

#[test]
fn where_no_finalizer_is_to_be_added_no_number_is_said_to_be() {
    let text = announcement("f", "s", &[count("widgets", 0, 3, 0)], true);
    assert!(text.starts_with("no resource needs the finalizer f added on s:\n"), "{text}");
    assert!(
        text.contains("  0  (3 have it already)\nResources created from now on will get it. A deleted one"),
        "{text}"
    );
}

#[test]
fn without_a_command_it_is_said_that_nothing_is_kept() {
    let text = announcement("f", "s", &[count("widgets", 1, 0, 0)], false);
    assert!(text.starts_with("1 resource will get"), "{text}");
    assert!(text.ends_with("released as soon as its line is printed."), "{text}");
}

#[test]
fn what_is_protected_counts_unless_it_is_allowed() {
    let mut found = HeldList::default();
    found.total = 10;
    found.protected = 3;
    found.unreadable = 1;
    assert_eq!(Count::new("x".to_owned(), &found, false), count("x", 6, 0, 3));
    assert_eq!(Count::new("x".to_owned(), &found, true), count("x", 9, 0, 0));
}
