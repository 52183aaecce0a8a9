//! Going back to the shell for a while, as Ctrl-Z does.

use std::io;

use super::guard::Guard;

/// Leaves the screen and stops, together with the whole process group (`cargo run` is in it, and it is what the shell
/// waits for). Comes back after `fg`, with everything on again; the caller draws all of it anew ([`super::Screen::reset`]).
/// [`super::Inputs::pause`] comes before this and [`super::Inputs::resume`] after it.
///
/// # Errors
/// When there is no shell to go back to, as in a terminal window opened for this program alone: stopped, it could not be
/// woken again. Also when the terminal refuses.
pub fn suspend(guard: &mut Guard) -> io::Result<()> {
    if !has_shell() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "there is no shell to go back to in this terminal"));
    }
    let stopped = guard.leave().and_then(|()| stop_group());
    guard.reenter()?;
    stopped
}

/// Whether somebody in this session has job control: its leader stands outside this process group. Where it is in the
/// group, nobody can continue a stopped group, and the kernel would not act on SIGTSTP either.
#[cfg(unix)]
pub(super) fn has_shell() -> bool {
    use rustix::process::{getpgrp, getsid};
    getsid(None).is_ok_and(|leader| leader != getpgrp())
}

/// Stops the process group and returns after it was continued. By SIGSTOP, because tokio's handler stands before what
/// SIGTSTP does by default (see [`super::signals`]).
#[cfg(unix)]
pub(super) fn stop_group() -> io::Result<()> {
    use rustix::process::{Signal, kill_current_process_group};
    kill_current_process_group(Signal::STOP)?;
    // Another thread than this one may have been picked to act on the signal: let it come that far.
    std::thread::sleep(std::time::Duration::from_millis(20));
    Ok(())
}

#[cfg(not(unix))]
fn has_shell() -> bool {
    false
}

#[cfg(not(unix))]
fn stop_group() -> io::Result<()> {
    Ok(())
}
