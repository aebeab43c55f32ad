//! Many failures in a short time.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// So many failures within so short a time are a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Failures.
    pub failures: usize,
    /// Within this time.
    pub within: Duration,
}

/// Raised once for each burst: again only after the failures have become fewer.
#[derive(Debug)]
pub(super) struct Alarm {
    burst: Burst,
    /// When the last failures came, as many as make a burst.
    recent: VecDeque<Instant>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Quiet,
    Raised,
    Heard,
}

impl Alarm {
    pub(super) fn new(burst: Burst) -> Self {
        Self {
            burst,
            recent: VecDeque::new(),
            state: State::Quiet,
        }
    }

    pub(super) fn failure(&mut self, now: Instant) {
        if self.recent.len() >= self.burst.failures {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        if self.state == State::Quiet && self.is_burst(now) {
            self.state = State::Raised;
        }
    }

    pub(super) fn rearm(&mut self, now: Instant) {
        if self.state == State::Heard && !self.is_burst(now) {
            self.state = State::Quiet;
        }
    }

    pub(super) fn is_raised(&self) -> bool {
        self.state == State::Raised
    }

    /// The history is being written.
    pub(super) fn heard(&mut self) {
        if self.state == State::Raised {
            self.state = State::Heard;
        }
    }

    fn is_burst(&self, now: Instant) -> bool {
        let first = self.recent.front();
        self.recent.len() >= self.burst.failures
            && first.is_some_and(|first| now.saturating_duration_since(*first) <= self.burst.within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alarm_a_burst() {
        let burst = Burst {
            failures: 3,
            within: Duration::from_secs(10),
        };
        let (mut alarm, begin) = (Alarm::new(burst), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        for seconds in [0, 6, 12, 18] {
            alarm.failure(at(seconds));
            assert!(!alarm.is_raised(), "too slow");
        }
        alarm.failure(at(25));
        assert!(!alarm.is_raised());
        alarm.failure(at(26));
        assert!(alarm.is_raised());
        alarm.heard();
        alarm.failure(at(27));
        alarm.rearm(at(27));
        assert!(!alarm.is_raised(), "it is the same burst");
        alarm.rearm(at(40));
        for seconds in [41, 42, 43] {
            alarm.failure(at(seconds));
        }
        assert!(alarm.is_raised(), "another burst");
    }
}
