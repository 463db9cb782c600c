//! The steps, in their order.

use anyhow::Result;

use crate::stage::Stage;

mod change;
mod crash;
mod enforce;
mod foreign;
mod hold;
mod leave;
mod plan;
mod release;
mod replay;
mod restart;
mod retry;

/// One thing to see.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Replay,
    Change,
    Retry,
    Hold,
    Crash,
    Release,
    Plan,
    Enforce,
    Restart,
    Leave,
    Foreign,
}

impl Step {
    pub(crate) const ALL: [Self; 11] = [
        Self::Replay,
        Self::Change,
        Self::Retry,
        Self::Hold,
        Self::Crash,
        Self::Release,
        Self::Plan,
        Self::Enforce,
        Self::Restart,
        Self::Leave,
        Self::Foreign,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Replay => "Replay",
            Self::Change => "A live change",
            Self::Retry => "A failing consumer",
            Self::Hold => "A held deletion",
            Self::Crash => "A crash",
            Self::Release => "Letting go",
            Self::Plan => "A plan",
            Self::Enforce => "A deletion by reference",
            Self::Restart => "A crash in the middle",
            Self::Leave => "Leaving",
            Self::Foreign => "Why is it still there?",
        }
    }

    /// What is about to be seen, and why it matters.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::Replay => {
                "19 resources exist before the program starts. It hands each of them to the consumer once, so that \
                 whatever happened while it was not running is not missed."
            }
            Self::Change => {
                "A resource is changed through the API, and the consumer is called for that one at once: it need \
                 neither poll nor remember anything."
            }
            Self::Retry => {
                "A network is created that the cloud refuses for now. The consumer fails, and is called again after \
                 growing pauses until it succeeds: an error loses nothing, and floods nothing."
            }
            Self::Hold => {
                "The program is started anew and holds the clusters: a deleted one stays in the API until the \
                 consumer has cleaned up, so that nothing is left behind in the cloud."
            }
            Self::Crash => {
                "The program is killed by SIGKILL, and a cluster is deleted while nothing runs. The next start finds \
                 that deletion and finishes it, because the cluster was held."
            }
            Self::Release => {
                "The program stops and says what it still holds. One command takes that off again, so that nothing \
                 it wrote stays in the cluster."
            }
            Self::Plan => {
                "Who deletes a project means its clusters and networks too, but Kubernetes knows nothing of such \
                 references. A Cascade declares them, without code. In mode Plan it only reports what would go."
            }
            Self::Enforce => {
                "In mode Enforce the operator holds every project by a finalizer. One is deleted: what refers to it \
                 goes first, stage by stage and over all namespaces, and then the project itself."
            }
            Self::Restart => {
                "The operator is killed by SIGKILL in the middle of a deletion, and another project is deleted while \
                 it is down. The next start finishes both. A backup, which keeps a cluster by a finalizer of its \
                 own, makes sure that there is a middle."
            }
            Self::Leave => {
                "The Cascade is deleted. The operator first removes its finalizer from every project, so that nothing \
                 waits for it any more."
            }
            Self::Foreign => {
                "A project is deleted, and stays: a backup keeps one of its clusters, and who made the backup is gone \
                 for good. Nothing is forced; the project waits. One command says what for, to anybody who may read \
                 it, and what to type next. That is typed, word for word."
            }
        }
    }

    /// Does it, checks it, and answers what was shown.
    pub(crate) async fn perform(self, stage: &mut Stage<'_>) -> Result<String> {
        match self {
            Self::Replay => replay::perform(stage).await,
            Self::Change => change::perform(stage).await,
            Self::Retry => retry::perform(stage).await,
            Self::Hold => hold::perform(stage).await,
            Self::Crash => crash::perform(stage).await,
            Self::Release => release::perform(stage).await,
            Self::Plan => plan::perform(stage).await,
            Self::Enforce => enforce::perform(stage).await,
            Self::Restart => restart::perform(stage).await,
            Self::Leave => leave::perform(stage).await,
            Self::Foreign => foreign::perform(stage).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::things;

    #[test]
    fn as_many_resources_are_announced_as_there_are() {
        assert!(Step::Replay.why().starts_with(&format!("{} resources", things().len())));
    }
}
