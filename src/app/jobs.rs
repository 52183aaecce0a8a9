//! Which work the engine does next. It does one thing at a time; what the user waits for goes before what runs long.
//!
//! A training gives way to nothing, for it would begin anew from its last checkpoint: everything else waits for its end. A run
//! gives way: its job is cancelled at the next batch and asked for again, without the rows that are answered, once
//! the engine is free. That costs the shared prefix anew and changes no number, for batches are laid out the same.

use std::time::Instant;

/// The number of a job as the interface knows it; never used twice.
pub type Ticket = u64;

/// What a job is for, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// A training.
    Train,
    /// Loading the model.
    Load,
    /// The next-token window.
    Next,
    /// The current row's label probabilities, alone.
    Row,
    /// The answer of a respondent with another value in a variable.
    WhatIf,
    /// The first rows of the probe, and the current row with them.
    ProbeHead,
    /// The current row's answer, token by token.
    Stream,
    /// The rest of the probe.
    ProbeRest,
    /// What a calibration needs to know.
    Calibrate,
    /// A run.
    Run,
}

impl Purpose {
    const ALL: [Self; 10] = [
        Self::Train,
        Self::Load,
        Self::Next,
        Self::Row,
        Self::WhatIf,
        Self::ProbeHead,
        Self::Stream,
        Self::ProbeRest,
        Self::Calibrate,
        Self::Run,
    ];

    /// What the status line calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Load => "loading",
            Self::Next => "next token",
            Self::Row => "row",
            Self::WhatIf => "what if",
            Self::ProbeHead | Self::ProbeRest => "probe",
            Self::Stream => "answer",
            Self::Calibrate => "calibration",
            Self::Run => "run",
        }
    }
}

/// The job in the engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    /// Its number.
    pub ticket: Ticket,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether it was asked to stop.
    pub cancelled: bool,
    /// When it was started.
    pub started: Instant,
}

/// What is wanted, and what is at work.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    last: Ticket,
    running: Option<Job>,
    wanted: Vec<Purpose>,
}

impl Jobs {
    /// Wants work of a kind, once the engine is free.
    pub fn want(&mut self, purpose: Purpose) {
        if !self.wanted.contains(&purpose) {
            self.wanted.push(purpose);
        }
    }

    /// Wants it no longer.
    pub fn forget(&mut self, purpose: Purpose) {
        self.wanted.retain(|wanted| *wanted != purpose);
    }

    /// Whether work of a kind is waiting.
    pub fn wants(&self, purpose: Purpose) -> bool {
        self.wanted.contains(&purpose)
    }

    /// The job in the engine.
    pub fn running(&self) -> Option<&Job> {
        self.running.as_ref()
    }

    /// Whether work of a kind is in the engine and goes on.
    pub fn is_running(&self, purpose: Purpose) -> bool {
        self.running.is_some_and(|job| job.purpose == purpose && !job.cancelled)
    }

    /// Whether anything is at work or waiting.
    pub fn is_idle(&self) -> bool {
        self.running.is_none() && self.wanted.is_empty()
    }

    /// The most urgent work that is waiting, if the engine is free for it; `ready` says what can be done now.
    pub fn next(&mut self, ready: impl Fn(Purpose) -> bool, now: Instant) -> Option<Job> {
        if self.running.is_some() {
            return None;
        }
        let purpose = Purpose::ALL.into_iter().find(|purpose| self.wants(*purpose) && ready(*purpose))?;
        self.forget(purpose);
        self.last += 1;
        let job = Job { ticket: self.last, purpose, cancelled: false, started: now };
        self.running = Some(job);
        Some(job)
    }

    /// What must be cancelled so that `purpose` need not wait: work that is less urgent. Runs and probes that give way are
    /// wanted again; they go on where they were. Loading is waited for: nobody would ask for it again.
    fn make_way(&mut self, purpose: Purpose) -> Option<Ticket> {
        let gives_way = |job: &Job| job.purpose > purpose && job.purpose != Purpose::Load && !job.cancelled;
        let job = self.running.filter(gives_way)?;
        // What gives way to the next-token window is as much wanted as before; else an answer that gives way is stale.
        let lasting =
            matches!(job.purpose, Purpose::ProbeHead | Purpose::ProbeRest | Purpose::Calibrate | Purpose::Run);
        if lasting || matches!(purpose, Purpose::Next | Purpose::Train) {
            self.want(job.purpose);
        }
        self.cancel()
    }

    /// The same for the most urgent work that is waiting and can be done now.
    pub fn preempt(&mut self, ready: impl Fn(Purpose) -> bool) -> Option<Ticket> {
        let purpose = Purpose::ALL.into_iter().find(|purpose| self.wants(*purpose) && ready(*purpose))?;
        self.make_way(purpose)
    }

    /// Asks the job to stop; its number, if it was not asked before.
    pub fn cancel(&mut self) -> Option<Ticket> {
        let job = self.running.as_mut().filter(|job| !job.cancelled)?;
        job.cancelled = true;
        Some(job.ticket)
    }

    /// The same for all but a training, which only its user ends.
    pub fn cancel_all_but_training(&mut self) -> Option<Ticket> {
        if self.is_training() { None } else { self.cancel() }
    }

    /// Whether a training is in the engine, be it asked to stop: everything else waits for its end.
    pub fn is_training(&self) -> bool {
        self.running.is_some_and(|job| job.purpose == Purpose::Train)
    }

    /// The job with this number, if it is the one at work: events of others are stale.
    pub fn of(&self, ticket: Ticket) -> Option<Job> {
        self.running.filter(|job| job.ticket == ticket)
    }

    /// The job has ended.
    pub fn end(&mut self, ticket: Ticket) -> Option<Job> {
        let job = self.of(ticket)?;
        self.running = None;
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(jobs: &mut Jobs) -> Option<Purpose> {
        jobs.next(|_| true, Instant::now()).map(|job| job.purpose)
    }

    #[test]
    fn one_at_a_time_the_urgent_first() {
        let mut jobs = Jobs::default();
        for purpose in [Purpose::Run, Purpose::Stream, Purpose::ProbeHead, Purpose::Stream] {
            jobs.want(purpose);
        }
        assert_eq!(next(&mut jobs), Some(Purpose::ProbeHead));
        assert_eq!(next(&mut jobs), None);
        let ticket = jobs.running().unwrap().ticket;
        assert!(jobs.end(ticket + 1).is_none());
        assert!(jobs.end(ticket).is_some());
        assert_eq!(next(&mut jobs), Some(Purpose::Stream));
        let ticket = jobs.running().unwrap().ticket;
        jobs.end(ticket);
        assert_eq!(jobs.next(|purpose| purpose != Purpose::Run, Instant::now()), None);
        assert_eq!(next(&mut jobs), Some(Purpose::Run));
    }

    #[test]
    fn a_training_gives_way_to_nothing_and_the_others_wait() {
        let mut jobs = Jobs::default();
        jobs.want(Purpose::Stream);
        assert_eq!(next(&mut jobs), Some(Purpose::Stream));
        // What is under way makes room for it, and is done afterwards.
        jobs.want(Purpose::Train);
        let ticket = jobs.preempt(|_| true).unwrap();
        assert!(jobs.wants(Purpose::Stream) && !jobs.is_training());
        jobs.end(ticket);
        assert_eq!(next(&mut jobs), Some(Purpose::Train));
        for purpose in [Purpose::Load, Purpose::Next, Purpose::Row, Purpose::ProbeHead, Purpose::Run] {
            jobs.want(purpose);
            assert_eq!((jobs.preempt(|_| true), next(&mut jobs)), (None, None), "{purpose:?}");
        }
        assert!(jobs.cancel_all_but_training().is_none() && jobs.is_running(Purpose::Train));
        let ticket = jobs.cancel().unwrap();
        // Asked to stop, it still writes its checkpoint.
        assert!(jobs.is_training() && next(&mut jobs).is_none());
        jobs.end(ticket);
        assert_eq!(next(&mut jobs), Some(Purpose::Load));
        // Loading is waited for.
        jobs.want(Purpose::Train);
        assert_eq!(jobs.preempt(|_| true), None);
    }

    #[test]
    fn a_run_gives_way_and_comes_back() {
        let mut jobs = Jobs::default();
        jobs.want(Purpose::Run);
        assert_eq!(next(&mut jobs), Some(Purpose::Run));
        let ticket = jobs.running().unwrap().ticket;
        jobs.want(Purpose::Row);
        assert_eq!(jobs.preempt(|_| true), Some(ticket));
        assert_eq!(jobs.preempt(|_| true), None);
        assert!(!jobs.is_running(Purpose::Run) && jobs.wants(Purpose::Run));
        jobs.end(ticket);
        assert_eq!(next(&mut jobs), Some(Purpose::Row));
        // What is more urgent does not give way.
        jobs.want(Purpose::Stream);
        assert_eq!(jobs.preempt(|_| true), None);
        jobs.forget(Purpose::Stream);
        let ticket = jobs.running().unwrap().ticket;
        jobs.end(ticket);
        assert_eq!(next(&mut jobs), Some(Purpose::Run));
        assert!(!jobs.is_idle());
    }
}
