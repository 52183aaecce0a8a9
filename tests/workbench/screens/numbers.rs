//! Calibrated reports, the review of gold labels, and the window of a sweep.

use shotglass::app::Pane;

use super::{at, both};
use crate::flows::calibrate::{run, swept};
use crate::harness::SMALL;

#[test]
fn a_report_that_is_calibrated() {
    let mut desk = run("screen-calibrated");
    desk.press(&["b"]);
    desk.quiet();
    both("calibrated", &mut desk);
    at("calibrated", &mut desk, (200, 50));
    desk.focus(Pane::Report);
    desk.press(&["<pagedown>"]);
    at("calibrated_report", &mut desk, SMALL);
}

#[test]
fn the_window_of_a_sweep() {
    let mut desk = swept("screen-swept");
    desk.press(&["6", "w"]);
    desk.until("the sweep is through", |app| app.queue.as_ref().is_some_and(|queue| !queue.live));
    desk.quiet();
    desk.press(&["<down>", "<down>"]);
    both("sweep", &mut desk);
    at("sweep", &mut desk, (200, 50));
}
