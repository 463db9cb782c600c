//! What is generated and kept in the repository.

use std::path::Path;

/// Compares what is kept with what is generated; `make generate` has it written instead.
pub(crate) fn keep(path: &Path, generated: &str) {
    if std::env::var_os("GENERATE").is_some() {
        let written = std::fs::write(path, generated);
        assert!(written.is_ok(), "{}: {written:?}", path.display());
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == generated, "run `make generate`: {} is not what would be generated", path.display());
}
