use rewitness_messaging::Envelope;

use super::*;

pub(crate) fn delivery(namespace: Option<&str>, name: &str) -> Delivery {
    let resource = ResourceId {
        kind: Kind::new("example.com", "Widget"),
        namespace: namespace.map(Into::into),
        name: name.into(),
        uid: "0e4e3b1c-8f4f-4c55-9f0a-0123456789ab".into(),
    };
    Delivery {
        envelope: Envelope { resource, deletion_timestamp: None },
        state: State::Live,
        cause: Cause::Replay,
        attempt: 1,
        version: Version(123),
        hold: HoldState::NotAsked,
        labels: Vec::new(),
    }
}

pub(crate) fn deleting(namespace: Option<&str>, name: &str) -> Delivery {
    let mut delivery = delivery(namespace, name);
    delivery.state = State::Deleting;
    delivery.cause = Cause::Retry;
    delivery.attempt = 12;
    delivery.hold = HoldState::Held;
    delivery.envelope.deletion_timestamp = Some("2026-01-02T03:04:05Z".parse().unwrap());
    delivery
}

fn render(printer: &Printer, deliveries: &[Delivery]) -> String {
    let mut out = Vec::new();
    deliveries.iter().for_each(|delivery| printer.write(&mut out, delivery));
    String::from_utf8(out).unwrap()
}

fn printer(format: Format, color: bool) -> Printer {
    Printer::new(format, color, &[Kind::new("example.com", "Widget")])
}

#[test]
fn text_is_aligned_below_its_heading() {
    let printer = printer(Format::Text, false);
    let mut not_held = deleting(None, "planet");
    not_held.hold = HoldState::NotHeld;
    let text = printer.heading().unwrap()
        + &render(&printer, &[delivery(Some("team-a"), "web"), deleting(Some("team-a"), "db"), not_held]);
    assert_eq!(
        text,
        "\
CAUSE    ATTEMPT  STATE     RESOURCE                         UID
replay         1  live      widget team-a/web                0e4e3b1c-8f4f-4c55-9f0a-0123456789ab
retry         12  deleting  widget team-a/db                 0e4e3b1c-8f4f-4c55-9f0a-0123456789ab
retry         12  deleting  widget planet                    0e4e3b1c-8f4f-4c55-9f0a-0123456789ab  not held
"
    );
}

#[test]
fn the_column_of_names_grows_and_never_shrinks() {
    let printer = printer(Format::Text, false);
    let long = "x".repeat(30);
    let text = render(
        &printer,
        &[delivery(None, &long), delivery(None, "a"), delivery(None, &"y".repeat(200)), delivery(None, "b")],
    );
    let uids: Vec<usize> = text.lines().map(|line| line.find("0e4e").unwrap()).collect();
    assert_eq!(uids[0], uids[1]);
    assert_eq!(uids[3] - uids[1], WIDEST_NAME - 30);
}

#[test]
fn color_changes_nothing_but_the_color() {
    let deliveries = [delivery(Some("team-a"), "web"), deleting(None, "db")];
    let colored = render(&printer(Format::Text, true), &deliveries);
    assert!(colored.starts_with("\x1b[2mreplay\x1b[0m   "), "{colored:?}");
    assert!(colored.contains("\x1b[31mdeleting\x1b[0m"));
    let mut plain = String::new();
    for (at, part) in colored.split('\x1b').enumerate() {
        plain += if at == 0 { part } else { part.split_once('m').unwrap().1 };
    }
    assert_eq!(plain, render(&printer(Format::Text, false), &deliveries));
}

#[test]
fn json_has_the_documented_shape() {
    assert_eq!(
        render(&printer(Format::Json, true), &[delivery(Some("team-a"), "web"), deleting(None, "db")]),
        concat!(
            r#"{"cause":"replay","state":"live","attempt":1,"group":"example.com","kind":"Widget","namespace":"team-a","#,
            r#""name":"web","uid":"0e4e3b1c-8f4f-4c55-9f0a-0123456789ab","resourceVersion":"123"}"#,
            "\n",
            r#"{"cause":"retry","state":"deleting","attempt":12,"group":"example.com","kind":"Widget","name":"db","#,
            r#""uid":"0e4e3b1c-8f4f-4c55-9f0a-0123456789ab","deletionTimestamp":"2026-01-02T03:04:05Z","#,
            r#""resourceVersion":"123","held":true}"#,
            "\n",
        )
    );
}

#[test]
fn names_are_as_kubectl_prints_them() {
    let mut pod = delivery(Some("team-a"), "web-0");
    pod.envelope.resource.kind = Kind::new("", "Pod");
    assert_eq!(
        render(&printer(Format::Name, true), &[delivery(Some("team-a"), "web"), pod]),
        "widget.example.com/web\npod/web-0\n"
    );
}

#[test]
fn kinds_of_the_same_name_are_told_apart_by_their_group() {
    let printer = Printer::new(
        Format::Text,
        false,
        &[Kind::new("example.com", "Widget"), Kind::new("other.org", "Widget"), Kind::new("", "Pod")],
    );
    let text = render(&printer, &[delivery(None, "a")]);
    assert!(text.contains("  widget.example.com a "), "{text}");
    assert_eq!(printer.label(&Kind::new("", "Pod")), "pod");
}

#[test]
fn only_text_has_a_heading() {
    assert!(printer(Format::Json, false).heading().is_none());
    assert!(printer(Format::Name, false).heading().is_none());
}

#[test]
fn a_name_moves_no_cursor_and_breaks_no_line() {
    let resource = delivery(Some("team-a"), "web\u{1b}[2J\nreplay").envelope.resource;
    let mut out = Vec::new();
    write_name(&mut out, &resource);
    assert_eq!(String::from_utf8(out).unwrap(), "widget.example.com/web\u{fffd}[2J\u{fffd}replay");
    assert_eq!(qualified_name(&resource), "team-a/web\u{fffd}[2J\u{fffd}replay");
}
