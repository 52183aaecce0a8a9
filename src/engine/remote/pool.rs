//! A job's requests, so many side by side, and their answers as they come.
//!
//! The threads belong to no job: one that is cancelled returns at once, and they end when their connections are cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Instant;

use crate::engine::worker::{EngineError, Job};

use super::http::{Line, TICK, Trouble};

/// What a thread does for one item.
pub(super) type Ask<T> = dyn Fn(&Line, usize) -> Result<T, Trouble> + Send + Sync;

/// Why a job ended early: the item that it failed at, where it was one, and the error.
pub(super) type Ended = (Option<usize>, EngineError);

/// The most answers that are handed over at once.
const BATCH: usize = 64;

/// Ends a line's requests whichever way a job ends.
pub(super) struct Cut<'l>(pub &'l Line);

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        self.0.cut();
    }
}

/// Asks for every item, `side_by_side` at a time, and hands what comes to `take`, several where several are there.
///
/// An item that fails ends the job, but what is on its way is waited for a while: it is paid for already.
pub(super) fn each<T: Send + 'static>(
    job: &Job,
    line: &Line,
    side_by_side: usize,
    items: usize,
    ask: &Arc<Ask<T>>,
    take: &mut dyn FnMut(Vec<(usize, T)>),
) -> Result<(), Ended> {
    let _cut = Cut(line);
    let (sender, answers) = channel();
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..side_by_side.min(items) {
        let (sender, next, ask, line) = (sender.clone(), Arc::clone(&next), Arc::clone(ask), line.clone());
        let thread = std::thread::Builder::new().name("request".to_owned());
        thread
            .spawn(move || work(&line, &next, items, &*ask, &sender))
            .map_err(|error| (None, EngineError::Failed(format!("a thread could not be started: {error}"))))?;
    }
    drop(sender);
    let mut answered = 0;
    let mut failure: Option<(usize, String, Instant)> = None;
    loop {
        let first = match answers.recv_timeout(TICK) {
            Ok(answer) => Some(answer),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let mut good = Vec::new();
        for (item, answer) in first.into_iter().chain(answers.try_iter().take(BATCH)) {
            match answer {
                Ok(answer) => good.push((item, answer)),
                Err(Trouble::Stopped) => {}
                Err(trouble) => {
                    line.close();
                    failure.get_or_insert_with(|| (item, trouble.message(), Instant::now()));
                }
            }
        }
        if !good.is_empty() {
            answered += good.len();
            take(good);
        }
        let grace = line.server.patience.grace;
        if job.is_cancelled() || failure.as_ref().is_some_and(|(_, _, since)| since.elapsed() > grace) {
            break;
        }
    }
    job.check().map_err(|error| (None, error))?;
    match failure {
        Some((item, message, _)) => Err((Some(item), EngineError::Failed(message))),
        None if answered < items => Err((None, EngineError::Failed("a request's thread broke off".to_owned()))),
        None => Ok(()),
    }
}

/// One thread: takes the next item until there is none.
fn work<T>(line: &Line, next: &AtomicUsize, items: usize, ask: &Ask<T>, sender: &Sender<(usize, Result<T, Trouble>)>) {
    while !line.is_closed() {
        let item = next.fetch_add(1, Ordering::Relaxed);
        // A job that is over listens no more.
        if item >= items || sender.send((item, ask(line, item))).is_err() {
            return;
        }
    }
}
