//! Numbers, ages and words, as people and shells read them.

use jiff::Timestamp;

/// `12,345`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 resource`, `12,345 resources`.
pub fn counted(number: u64, one: &str, several: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { several })
}

/// `40 seconds`, `6 hours`, `3 days`: how long ago, as people say it.
pub fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = u64::try_from(now.as_second() - since.as_second()).unwrap_or_default();
    match seconds {
        0..=119 => counted(seconds, "second", "seconds"),
        120..=7199 => counted(seconds / 60, "minute", "minutes"),
        7200..=172_799 => counted(seconds / 3600, "hour", "hours"),
        _ => counted(seconds / 86_400, "day", "days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_counted() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (20_000, "20,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(thousands(number), expected);
        }
        assert_eq!(counted(1, "resource", "resources"), "1 resource");
        assert_eq!(counted(0, "resource", "resources"), "0 resources");
    }

    #[test]
    fn ages_are_said_in_the_largest_unit_that_is_still_exact_enough() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        for (seconds, expected) in [
            (-5, "0 seconds"),
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7199, "119 minutes"),
            (6 * 3600 + 59, "6 hours"),
            (3 * 86_400, "3 days"),
        ] {
            let since = Timestamp::from_second(1_000_000 - seconds).unwrap();
            assert_eq!(age(since, now), expected);
        }
    }
}
