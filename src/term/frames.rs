//! When to draw: at once for what the user did, soon for what happened meanwhile, and never too often.
//!
//! No clock of its own and no timer: the loop asks when the next frame is due, and sleeps for ever while none is.

use std::time::{Duration, Instant};

/// Frames that may follow one another at once after a pause.
const BURST: u32 = 10;
/// One more after each of these: 50 a second, so that no second has more than 60.
const REFILL: Duration = Duration::from_millis(20);
/// How long what happened by itself may wait for company.
const SOON: Duration = Duration::from_millis(33);

/// How urgently something wants to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// The user did something.
    Now,
    /// Something happened by itself: 33 ms later at the most, together with whatever else there is by then.
    Soon,
}

/// The frames asked for and the frames allowed: a token bucket of 10, refilled 50 times a second.
///
/// The bucket is kept as the instant at which it will be full again: each frame puts it off by 20 ms, and a frame is
/// allowed while it lies no more than nine of them ahead.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    wanted: Option<Instant>,
    full: Option<Instant>,
}

impl Frames {
    /// Nothing is asked for, and the bucket is full.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a frame. However often that is asked, one frame answers it all.
    pub fn request(&mut self, urgency: Urgency, now: Instant) {
        let wanted = match urgency {
            Urgency::Now => now,
            Urgency::Soon => now + SOON,
        };
        self.wanted = Some(self.wanted.map_or(wanted, |earlier| earlier.min(wanted)));
    }

    /// When the next frame is due, `now` at the earliest. None: nothing to wake up for.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        Some(self.wanted?.max(self.allowed(now)).max(now))
    }

    /// Whether to draw now. If so, that is the answer to everything asked for until now.
    pub fn take(&mut self, now: Instant) -> bool {
        if self.due(now).is_none_or(|due| due > now) {
            return false;
        }
        self.wanted = None;
        self.full = Some(self.full.map_or(now, |full| full.max(now)) + REFILL);
        true
    }

    /// When the bucket has a token.
    fn allowed(&self, now: Instant) -> Instant {
        self.full.and_then(|full| full.checked_sub(REFILL * (BURST - 1))).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Draws whenever it may for as long as told, with what `ask` asks for at each millisecond.
    fn draws(millis: u32, mut ask: impl FnMut(u32, &mut Frames, Instant)) -> Vec<Duration> {
        let start = Instant::now();
        let mut frames = Frames::new();
        let mut drawn = Vec::new();
        for at in 0..millis {
            let now = start + MS * at;
            ask(at, &mut frames, now);
            if frames.take(now) {
                drawn.push(MS * at);
            }
        }
        drawn
    }

    fn most_in_a_second(drawn: &[Duration]) -> usize {
        let within = |first: &Duration| drawn.iter().filter(|at| **at >= *first && **at <= *first + 1000 * MS).count();
        drawn.iter().map(within).max().unwrap_or(0)
    }

    #[test]
    fn idle_is_none() {
        let mut frames = Frames::new();
        let now = Instant::now();
        assert_eq!(frames.due(now), None);
        assert!(!frames.take(now));
        frames.request(Urgency::Soon, now);
        assert!(frames.take(now + SOON));
        assert_eq!(frames.due(now + 3600 * 1000 * MS), None);
    }

    #[test]
    fn input_is_drawn_at_once() {
        let mut frames = Frames::new();
        let now = Instant::now();
        for _ in 0..BURST {
            frames.request(Urgency::Now, now);
            assert_eq!(frames.due(now), Some(now));
            assert!(frames.take(now));
        }
        frames.request(Urgency::Now, now);
        assert_eq!(frames.due(now), Some(now + REFILL));
        assert!(!frames.take(now + 19 * MS) && frames.take(now + REFILL));
        let later = now + 1000 * MS;
        frames.request(Urgency::Now, later);
        assert_eq!(frames.due(later), Some(later));
    }

    #[test]
    fn events_wait_for_company_but_not_long() {
        let mut frames = Frames::new();
        let now = Instant::now();
        frames.request(Urgency::Soon, now);
        frames.request(Urgency::Soon, now + 10 * MS);
        assert_eq!(frames.due(now + 10 * MS), Some(now + SOON));
        frames.request(Urgency::Now, now + 20 * MS);
        assert!(frames.take(now + 20 * MS));
        assert_eq!(frames.due(now + 21 * MS), None, "the input's frame showed them too");
        frames.request(Urgency::Soon, now + 21 * MS);
        frames.request(Urgency::Now, now + 50 * MS);
        assert_eq!(frames.due(now + 60 * MS), Some(now + 60 * MS), "late is now");
    }

    #[test]
    fn a_flood_is_at_most_sixty_a_second() {
        let both = draws(5000, |at, frames, now| {
            frames.request(Urgency::Now, now);
            frames.request(Urgency::Soon, now);
            if at % 7 == 0 {
                frames.request(Urgency::Now, now);
            }
        });
        assert!(both.len() >= 250 && most_in_a_second(&both) <= 60, "{}", most_in_a_second(&both));
        let bursts = draws(5000, |at, frames, now| {
            if at % 1000 > 700 {
                frames.request(Urgency::Now, now);
            }
        });
        assert!(most_in_a_second(&bursts) <= 60);
        let soon = draws(5000, |_, frames, now| frames.request(Urgency::Soon, now));
        assert!((25..=31).contains(&most_in_a_second(&soon)), "{}", most_in_a_second(&soon));
    }

    #[test]
    fn nothing_waits_longer_than_told() {
        let mut asked: Option<Duration> = None;
        let start = Instant::now();
        let mut frames = Frames::new();
        for at in 0..3000 {
            let now = MS * at;
            if at % 3 == 0 {
                frames.request(Urgency::Now, start + now);
                asked.get_or_insert(now);
            } else if at % 11 == 0 {
                frames.request(Urgency::Soon, start + now);
                asked.get_or_insert(now);
            }
            if frames.take(start + now) {
                let waited = now - asked.take().unwrap();
                assert!(waited <= SOON, "{waited:?}");
            }
        }
    }
}
