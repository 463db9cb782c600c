//! Numbers that were measured more than once.

use serde::Serialize;

/// The median of some numbers, the least and the greatest.
///
/// # Examples
/// ```
/// use rewitness_e2e::Spread;
///
/// let spread = Spread::of(vec![3.0, 1.0, 2.0]);
/// assert_eq!(spread.shown(1), "2.0 (1.0-3.0)");
/// assert_eq!(Spread::of(vec![4.0, 1.0]).times(2.0).shown(1), "5.0 (2.0-8.0)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    /// Of these numbers, in any order; none of a number if there are none.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        Self { median: (at(last / 2) + at(last.div_ceil(2))) / 2.0, min: at(0), max: at(last) }
    }

    /// The same in another unit.
    pub fn times(self, factor: f64) -> Self {
        Self { median: self.median * factor, min: self.min * factor, max: self.max * factor }
    }

    /// For people: the median, and from where to where.
    pub fn shown(self, digits: usize) -> String {
        format!("{:.digits$} ({:.digits$}-{:.digits$})", self.median, self.min, self.max)
    }
}
