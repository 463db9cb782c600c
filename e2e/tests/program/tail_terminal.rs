//! `rewitness tail` on a terminal: what a person sees there beyond the lines, and is asked.

use anyhow::Result;
use rewitness_e2e::OnTerminal;
use rewitness_e2e::world::World;

const CLEAR_LINE: &str = "\r\x1b[2K";

fn on_terminal(world: &World, args: &[&str], no_color: bool) -> Result<OnTerminal> {
    let widgets = world.widgets();
    let mut command = world.rewitness(&[&["tail", &widgets, "-n", &world.namespace], args].concat())?;
    command.env("TERM", "xterm");
    if no_color {
        command.env("NO_COLOR", "1");
    }
    OnTerminal::start(command)
}

#[tokio::test]
async fn a_terminal_has_a_heading_colours_and_the_progress() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let tail = on_terminal(&world, &[], false)?;
    tail.shows("following, Ctrl-C ends").await?;
    let shown = tail.shown();
    assert!(shown.starts_with("\x1b[1mCAUSE    ATTEMPT  STATE     RESOURCE"), "{shown:?}");
    assert!(
        shown.contains(&format!("{CLEAR_LINE}replaying  0 listed  0 delivered  waiting for Widget")),
        "{shown:?}"
    );
    assert!(shown.contains("\x1b[32mlive\x1b[0m"), "{shown:?}");
    assert!(shown.contains("replayed 1 resource in "), "{shown:?}");

    tail.interrupt()?;
    tail.shows("stopping").await?;
    assert_eq!(tail.end().await?, Some(0));
    Ok(())
}

#[tokio::test]
async fn the_progress_leaves_nothing_behind() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let tail = on_terminal(&world, &["--until-replayed", "-o", "name"], true)?;
    tail.shows("replayed 1 resource").await?;
    // What is visible of a line is what follows the last time it was cleared.
    let shown = tail.shown();
    let visible: Vec<&str> =
        shown.lines().map(|line| line.rsplit(CLEAR_LINE).next().unwrap_or(line)).collect();
    assert_eq!(visible.len(), 2, "{shown:?}");
    assert_eq!(visible[0], format!("widget.{}/web", world.group));
    assert!(visible[1].starts_with("replayed 1 resource in ") && !visible[1].contains('\x1b'), "{shown:?}");
    assert_eq!(tail.end().await?, Some(0));
    Ok(())
}

#[tokio::test]
async fn who_holds_is_asked_first() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    for (answer, status, marks) in [("n\n", 1, 0), ("\n", 1, 0), ("yes\n", 0, 1)] {
        let mut tail = on_terminal(&world, &["--hold", "demo", "--until-replayed", "--", "true"], true)?;
        tail.shows("1 resource will get the finalizer hold.rewitness.dev/demo").await?;
        tail.shows("Continue? [y/N] ").await?;
        tail.types(answer)?;
        tail.shows(if marks == 0 { "nothing was changed" } else { "rewitness unhold --context" }).await?;
        assert_eq!(tail.end().await?, Some(status), "{answer:?}");
        assert_eq!(
            world.finalizers("web").await?.map(|finalizers| finalizers.len()),
            Some(marks),
            "{answer:?}"
        );
    }
    // All have the finalizer, so there is nothing to agree to.
    let tail = on_terminal(&world, &["--hold", "demo", "--until-replayed", "--", "true"], true)?;
    tail.shows("no resource needs the finalizer").await?;
    assert_eq!(tail.end().await?, Some(0));
    Ok(())
}

#[tokio::test]
async fn ctrl_c_at_the_question_means_no() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let tail = on_terminal(&world, &["--hold", "demo"], true)?;
    tail.shows("Continue? [y/N] ").await?;
    tail.interrupt()?;
    assert_eq!(tail.end().await?, Some(1));
    assert_eq!(world.finalizers("web").await?, Some(vec![]));
    Ok(())
}
