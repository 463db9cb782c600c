//! Q1 to Q14 on a real kube-apiserver and etcd.
//!
//! The queue under test goes through a fault proxy of its own; the suite writes to the server
//! directly.

#[path = "conformance/driver.rs"]
mod driver;

use rewitness_conformance::Result;

rewitness_conformance::suite!(
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    driver::KubernetesDriver::on_the_shared_plane().await?
);

/// A backup brings the whole cluster back, so these cases have one of their own.
mod restored_from_a_backup {
    use super::*;

    async fn check(case: &str) -> Result {
        let verdict =
            rewitness_conformance::check(case, driver::KubernetesDriver::on_a_plane_of_its_own().await?)
                .await?;
        match verdict {
            rewitness_conformance::Verdict::Passed => Ok(()),
            other => Err(rewitness_conformance::Failed::new(format!("{case}: {other:?}"))),
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn q12_a_version_that_moved_backwards_is_noticed() -> Result {
        check("q12_a_version_that_moved_backwards_is_noticed").await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn q12_a_roll_back_brings_back_what_had_gone() -> Result {
        check("q12_a_roll_back_brings_back_what_had_gone").await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn q3_a_roll_back_makes_no_deletion_undone() -> Result {
        check("q3_a_roll_back_makes_no_deletion_undone").await
    }
}
