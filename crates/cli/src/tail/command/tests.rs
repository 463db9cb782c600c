use std::time::Instant;

use rewitness_messaging::Retry;

use super::*;
use crate::screen::tests::Written;
use crate::tail::line::tests::{deleting, delivery};

/// A script as the command, and what it printed.
fn script(text: &str, timeout: Duration) -> (Program, Written) {
    let written = Written::default();
    let command: Vec<OsString> = ["sh", "-c", text].map(Into::into).to_vec();
    let program = Program::find(
        &command,
        std::env::var_os("PATH").as_deref(),
        timeout,
        Screen::new(written.clone(), false),
    );
    (program.unwrap().unwrap(), written)
}

async fn run(text: &str) -> (Result<Outcome, Failure>, String) {
    let (program, written) = script(text, Duration::from_secs(20));
    let answer = program.run(&delivery(Some("team-a"), "web")).await;
    (answer, written.text())
}

#[tokio::test]
async fn the_exit_status_is_the_answer() {
    assert_eq!(run("exit 0").await.0.unwrap(), Outcome::Done);
    assert_eq!(run("exit 75").await.0.unwrap(), Outcome::requeue_after(Duration::from_secs(10)));
    for (text, reason) in
        [("exit 1", "exit status 1"), ("exit 255", "exit status 255"), ("kill -9 $$", "ended by signal 9")]
    {
        let failure = run(text).await.0.unwrap_err();
        assert_eq!((failure.to_string().as_str(), failure.retry()), (reason, Retry::Backoff), "{text}");
    }
}

#[tokio::test]
async fn the_delivery_comes_on_stdin_and_in_the_environment() {
    let (program, written) = script("cat; env | grep ^REWITNESS_ | sort", Duration::from_secs(20));
    program.run(&deleting(None, "db")).await.unwrap();
    let mut json = Vec::new();
    line::write_json(&mut json, &deleting(None, "db"));
    let expected = format!(
        "db | {}\n\
         db | REWITNESS_ATTEMPT=12\n\
         db | REWITNESS_CAUSE=retry\n\
         db | REWITNESS_DELETION_TIMESTAMP=2026-01-02T03:04:05Z\n\
         db | REWITNESS_GROUP=example.com\n\
         db | REWITNESS_KIND=Widget\n\
         db | REWITNESS_NAME=db\n\
         db | REWITNESS_NAMESPACE=\n\
         db | REWITNESS_STATE=deleting\n\
         db | REWITNESS_UID=0e4e3b1c-8f4f-4c55-9f0a-0123456789ab\n",
        String::from_utf8(json).unwrap()
    );
    assert_eq!(written.text(), expected);
}

#[tokio::test]
async fn a_command_need_not_read_its_stdin() {
    for text in ["true", "exec <&-; true", "exec <&-; read -r line || true"] {
        assert_eq!(run(text).await.0.unwrap(), Outcome::Done, "{text}");
    }
}

#[tokio::test]
async fn both_outputs_come_out_in_order_and_whole() {
    let (answer, written) = run("printf one; echo ' and'; echo two >&2; printf three").await;
    assert_eq!(answer.unwrap(), Outcome::Done);
    assert_eq!(written, "team-a/web | one and\nteam-a/web | two\nteam-a/web | three\n");
}

#[tokio::test]
async fn commands_side_by_side_do_not_share_a_line() {
    let (program, written) =
        script("for i in 1 2 3 4 5; do printf 'aaa'; printf 'bbb\n'; done", Duration::from_secs(20));
    let deliveries: Vec<Delivery> = (0..8).map(|at| delivery(None, &format!("w{at}"))).collect();
    futures::future::join_all(deliveries.iter().map(|delivery| program.run(delivery))).await;
    let written = written.text();
    assert_eq!(written.lines().count(), 40);
    assert!(written.lines().all(|line| line.ends_with(" | aaabbb")), "{written}");
}

#[tokio::test]
async fn a_command_runs_in_a_group_of_its_own() {
    let (_, written) = run("ps -o pgid= -p $$ | tr -d ' '; echo $$").await;
    let mut lines = written.lines();
    assert_eq!(lines.next(), lines.next());
}

/// A file in which a background process of the command notes that it is alive, again and again.
fn heartbeat(file: &std::path::Path, rest: &str) -> String {
    format!("trap '' TERM; (while :; do echo x >> '{}'; sleep 0.02; done) & {rest}", file.display())
}

async fn has_stopped(file: &std::path::Path) -> bool {
    let size = || std::fs::metadata(file).map_or(0, |file| file.len());
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        let before = size();
        sleep(Duration::from_millis(200)).await;
        if size() == before {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_timeout_is_an_error_and_ends_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alive");
    let (program, _) = script(&heartbeat(&file, "sleep 600"), Duration::from_millis(300));
    let failure = program.run(&delivery(None, "web")).await.unwrap_err();
    assert_eq!(failure.to_string(), "ended because it took longer than 300ms");
    assert!(has_stopped(&file).await, "what the command started lives on");
}

#[tokio::test]
async fn at_a_timeout_a_command_may_clean_up() {
    let (program, written) =
        script("trap 'echo cleaned; exit 0' TERM; while :; do sleep 0.02; done", Duration::from_millis(300));
    assert!(program.run(&delivery(None, "web")).await.is_err(), "late is late");
    assert!(written.text().contains("web | cleaned\n"), "{}", written.text());
}

#[tokio::test]
async fn a_delivery_that_is_cut_off_kills_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alive");
    let (program, _) = script(&heartbeat(&file, "sleep 600"), Duration::from_secs(600));
    let delivery = delivery(None, "web");
    tokio::select! {
        answer = program.run(&delivery) => panic!("{answer:?}"),
        () = async { while !file.exists() { sleep(Duration::from_millis(10)).await } } => {}
    }
    assert!(has_stopped(&file).await, "what the command started lives on");
}

#[tokio::test]
async fn what_a_command_leaves_in_the_background_holds_nobody_up() {
    let start = Instant::now();
    let (answer, written) = run("echo here; sleep 3 &").await;
    assert_eq!((answer.unwrap(), written.as_str()), (Outcome::Done, "team-a/web | here\n"));
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_program_that_vanished_is_an_error_that_is_retried() {
    let (mut program, _) = script("", Duration::from_secs(20));
    program.path = "/nosuch/program".into();
    let failure = program.run(&delivery(None, "web")).await.unwrap_err();
    assert!(failure.to_string().starts_with("cannot run sh: No such file"), "{failure}");
}
