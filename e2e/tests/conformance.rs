//! Q1 to Q14 on a real kube-apiserver and etcd.
//!
//! The queue under test goes through a fault proxy of its own; the suite writes to the server
//! directly.

#[path = "conformance/driver.rs"]
mod driver;

use rewitness_conformance::Result;
use rewitness_conformance::queue::{LeftOut, Verdict, check};

rewitness_conformance::queue_suite!(
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    driver::KubernetesDriver::on_the_shared_plane().await?
);

/// A backup brings the whole cluster back, so these cases have one of their own.
mod restored_from_a_backup {
    use super::*;

    macro_rules! each_on_a_plane_of_its_own {
        ($($case:ident),* $(,)?) => {
            /// What the suite on the shared control plane leaves out.
            pub(super) const RUN_THERE: &[LeftOut] =
                &[$(LeftOut { case: stringify!($case), reason: "on a control plane of its own" }),*];

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() -> Result {
                    let driver = driver::KubernetesDriver::on_a_plane_of_its_own().await?;
                    check(stringify!($case), driver).await.map(|verdict| assert_eq!(verdict, Verdict::Passed))
                }
            )*
        };
    }

    each_on_a_plane_of_its_own! {
        q3_a_roll_back_makes_no_deletion_undone,
        q12_a_version_that_moved_backwards_is_noticed,
        q12_a_roll_back_brings_back_what_had_gone,
    }
}
