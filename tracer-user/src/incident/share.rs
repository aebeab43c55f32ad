//! What share of the attempts to one destination fails, now and before.

use super::{Thresholds, nanos};

/// A baseline rests on at least so many attempts.
const BASELINE_ATTEMPTS: f64 = 20.0;
/// A rise rests on at least so many failures.
const RISE_FAILURES: f64 = 3.0;
/// After so many windows an attempt counts half in the baseline.
const HALF_LIFE_WINDOWS: f64 = 60.0;

/// The attempts to one destination.
#[derive(Clone, Debug, Default)]
pub(super) struct Share {
    /// Failures in a row.
    streak: u32,
    /// When the first of them began.
    streak_ns: i64,
    /// When the last one failed.
    failed_ns: i64,
    window: i64,
    now: Counts,
    before: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    attempts: f64,
    failures: f64,
}

impl Counts {
    fn share(self) -> f64 {
        if self.attempts > 0.0 {
            self.failures / self.attempts
        } else {
            0.0
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Standing {
    /// Failures in a row.
    pub(super) streak: u32,
    /// The failing share now.
    pub(super) share: f64,
    /// The failing share before; `None` where too few attempts are known.
    pub(super) baseline: Option<f64>,
    /// The share rose by more than the threshold, and by more than chance would have it.
    pub(super) risen: bool,
}

impl Share {
    /// A failed attempt. Where attempts that succeed are not told, a quiet time ends a row: failures
    /// that are far apart are hardly one after the other.
    pub(super) fn failed(
        &mut self,
        utc_ns: i64,
        start_ns: i64,
        successes_known: bool,
        limits: &Thresholds,
    ) -> Standing {
        let quiet_ns = nanos(limits.incident_quiet);
        if !successes_known && utc_ns.saturating_sub(self.failed_ns) > quiet_ns {
            self.streak = 0;
        }
        self.failed_ns = self.failed_ns.max(utc_ns);
        if self.streak == 0 || start_ns < self.streak_ns {
            self.streak_ns = start_ns;
        }
        self.streak = self.streak.saturating_add(1);
        self.turn(utc_ns, limits);
        self.now.attempts += 1.0;
        self.now.failures += 1.0;
        self.standing(limits)
    }

    /// An attempt that came up, and when it began. Its record comes only when it ends: it breaks a
    /// row of failures only where it began after the first of them.
    pub(super) fn came_up(&mut self, start_ns: i64, limits: &Thresholds) {
        if start_ns >= self.streak_ns {
            self.streak = 0;
        }
        self.turn(start_ns, limits);
        self.now.attempts += 1.0;
    }

    fn standing(&self, limits: &Thresholds) -> Standing {
        let known = self.before.attempts >= BASELINE_ATTEMPTS;
        let baseline = self.before.share();
        let share = self.now.share();
        let expected = baseline * self.now.attempts;
        let rise = 1.0 + f64::from(limits.incident_rise) / 100.0;
        Standing {
            streak: self.streak,
            share,
            baseline: known.then_some(baseline),
            risen: known
                && self.now.failures >= RISE_FAILURES
                && share >= baseline * rise
                // Two standard deviations of what chance would have.
                && self.now.failures > expected + 2.0 * expected.sqrt(),
        }
    }

    /// Moves on to the window of a time; times before the window's beginning count in it.
    fn turn(&mut self, utc_ns: i64, limits: &Thresholds) {
        let width = nanos(limits.incident_window).max(1);
        let window = utc_ns.div_euclid(width);
        if window <= self.window && self.window != 0 {
            return;
        }
        if self.window != 0 {
            let windows = window.saturating_sub(self.window);
            #[expect(
                clippy::cast_precision_loss,
                reason = "a number of windows, as an exponent"
            )]
            let fade = 0.5f64.powf(windows as f64 / HALF_LIFE_WINDOWS);
            self.before.attempts = (self.before.attempts + self.now.attempts) * fade;
            self.before.failures = (self.before.failures + self.now.failures) * fade;
        }
        self.now = Counts::default();
        self.window = window;
    }
}
