//! Work that replaces itself: one running and one next, never a queue.

/// What is at work, and what is wanted next.
#[derive(Clone, Debug)]
pub struct Latest<T> {
    running: bool,
    next: Option<T>,
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self { running: false, next: None }
    }
}

impl<T> Latest<T> {
    /// Asks for work. It comes back where it is to be started now; otherwise it waits, in the place of what waited.
    pub fn ask(&mut self, work: T) -> Option<T> {
        if self.running {
            self.next = Some(work);
            return None;
        }
        self.running = true;
        Some(work)
    }

    /// Says that what was at work is done; what comes back is to be started now.
    pub fn done(&mut self) -> Option<T> {
        let next = self.next.take();
        self.running = next.is_some();
        next
    }

    /// Whether anything is at work.
    pub fn is_busy(&self) -> bool {
        self.running
    }
}

#[cfg(test)]
mod tests {
    use super::Latest;

    #[test]
    fn the_latest_waits_and_the_others_are_dropped() {
        let mut latest = Latest::default();
        assert_eq!(latest.ask(1), Some(1));
        assert_eq!((latest.ask(2), latest.ask(3)), (None, None));
        assert_eq!(latest.done(), Some(3));
        assert!(latest.is_busy());
        assert_eq!(latest.done(), None);
        assert!(!latest.is_busy());
        assert_eq!(latest.ask(4), Some(4));
    }
}
