//! `rewitness plan`: what the deletion of parents would take along by a Cascade, before it does.

use rewitness_verdict::plan::{self, Subject};
use rewitness_verdict::sources;

use crate::answer;
use crate::args::{GlobalArgs, PlanArgs};
use crate::connect;
use crate::exit::{Status, wrong_use};
use crate::screen::Screen;

pub(crate) async fn run(args: &PlanArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let (file, named, parent) = match (&args.file, &*args.what) {
        (Some(file), []) => (Some(sources::read(file)?), None, None),
        (Some(file), [parent]) => (Some(sources::read(file)?), None, Some(parent)),
        (None, [cascade]) => (None, Some(cascade), None),
        (None, [cascade, parent]) => (None, Some(cascade), Some(parent)),
        (Some(_), _) => {
            return Err(wrong_use("with -f the Cascade is in the file: name at most a PARENT"));
        }
        (None, _) => {
            return Err(wrong_use(
                "name a CASCADE, and one of its parents if you like; or -f FILE for one that is not applied yet",
            ));
        }
    };
    let link = connect::connect(global).await?;
    let subject = match (file, named) {
        (Some(cascades), _) => Subject::of_file(&link, cascades).await?,
        (None, named) => Subject::of_cluster(&link, named.map_or("", String::as_str)).await?,
    };
    screen.status("reading …");
    let plan = plan::of(&link, &subject, parent.map(String::as_str), args.namespace.as_deref()).await?;
    screen.status("");
    answer::print(args.output, &plan, || plan::text(&plan, args.all))?;
    Ok(Status::Done)
}
