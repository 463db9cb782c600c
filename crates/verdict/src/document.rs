/// The version of every document that a command answers with.
pub const API_VERSION: &str = "cli.rewitness.dev/v1alpha1";
