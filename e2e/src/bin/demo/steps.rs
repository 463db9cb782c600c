//! The steps, in their order.

use anyhow::Result;

use crate::stage::Stage;

mod change;
mod crash;
mod hold;
mod release;
mod replay;
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
}

impl Step {
    pub(crate) const ALL: [Self; 6] =
        [Self::Replay, Self::Change, Self::Retry, Self::Hold, Self::Crash, Self::Release];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Replay => "Replay",
            Self::Change => "A live change",
            Self::Retry => "A failing consumer",
            Self::Hold => "A held deletion",
            Self::Crash => "A crash",
            Self::Release => "Letting go",
        }
    }

    /// What is about to be seen, and why it matters.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::Replay => {
                "18 resources exist before the program starts. It hands each of them to the consumer once, so that \
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
