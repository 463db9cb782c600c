//! Times as people read them.

use std::time::Duration;

/// `12 ms`, `1.23 s`, `3 min 5 s`: as precise as somebody who waited wants it.
pub(super) fn duration(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        1..=9 => format!("{:.2} s", time.as_secs_f64()),
        10..=59 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// `500 ms`, `1 s`, `2 min 8 s`, `5 min`: a time that was set, and not measured.
pub(super) fn span(time: Duration) -> String {
    match (time.as_secs(), time.as_secs() % 60) {
        (0, _) => format!("{} ms", time.as_millis()),
        (seconds @ 1..=59, _) => format!("{seconds} s"),
        (seconds, 0) => format!("{} min", seconds / 60),
        (seconds, rest) => format!("{} min {rest} s", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_precise_as_one_wants_them() {
        for (millis, expected) in
            [(25, "25 ms"), (1234, "1.23 s"), (45_678, "45.7 s"), (185_400, "3 min 5 s")]
        {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        }
    }
}
