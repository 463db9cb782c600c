//! Q1 to Q14 on the memory queue, in paused time.

#[path = "support/driver.rs"]
mod support;

mod with_holds {
    use super::support::MemoryDriver;
    use rewitness_memory::Store;

    rewitness_conformance::queue_suite!(
        #[tokio::test(start_paused = true)]
        MemoryDriver::new(Store::new())
    );
}

/// A capability has a test for both of its values: the same suite, where nothing can be held.
mod without_holds {
    use super::support::MemoryDriver;
    use rewitness_memory::Store;

    rewitness_conformance::queue_suite!(
        #[tokio::test(start_paused = true)]
        MemoryDriver::new(Store::without_holds()).leaving_out(rewitness_conformance::queue::WITHOUT_HOLDS)
    );
}
