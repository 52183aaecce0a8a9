//! Where a list that is longer than its pane stands.

/// Lines kept in sight on either side of the selection, where there is room.
const MARGIN: usize = 2;

/// The first line to show, so that `selected` is seen with two lines around it where possible. `offset` is where the list
/// stood; it moves no further than needed, and never shows less than it could.
pub fn window(selected: usize, offset: usize, visible: usize, total: usize) -> usize {
    let last = total.saturating_sub(visible);
    if visible == 0 {
        return offset.min(total.saturating_sub(1));
    }
    let selected = selected.min(total.saturating_sub(1));
    let margin = MARGIN.min((visible - 1) / 2);
    let lowest = (selected + margin + 1).saturating_sub(visible);
    let highest = selected.saturating_sub(margin);
    offset.max(lowest).min(highest).min(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_selection_in_sight() {
        for total in 0..14 {
            for visible in 0..8_usize {
                for offset in 0..16 {
                    for selected in 0..16 {
                        let place = window(selected, offset, visible, total);
                        assert!(visible == 0 || place <= total.saturating_sub(visible));
                        if visible == 0 || total == 0 {
                            continue;
                        }
                        let selected = selected.min(total - 1);
                        let margin = MARGIN.min((visible - 1) / 2);
                        let above = selected.saturating_sub(margin)..=selected;
                        let below = selected..=(selected + margin).min(total - 1);
                        let seen = place..place + visible;
                        assert!(
                            above.chain(below).all(|line| seen.contains(&line)),
                            "{selected} {place} {visible} {total}"
                        );
                        // Nothing nearer to the old place would do.
                        let at = |at: usize| window(selected, at, visible, total) == at;
                        let nearest = (0..total).filter(|&it| at(it)).min_by_key(|it| it.abs_diff(offset));
                        assert_eq!(Some(place), nearest, "{selected} {offset} {visible} {total}");
                    }
                }
            }
        }
    }

    #[test]
    fn examples() {
        assert_eq!(window(0, 0, 10, 100), 0);
        assert_eq!(window(7, 0, 10, 100), 0);
        assert_eq!(window(8, 0, 10, 100), 1);
        assert_eq!(window(50, 0, 10, 100), 43);
        assert_eq!(window(50, 90, 10, 100), 48);
        assert_eq!(window(99, 0, 10, 100), 90);
        assert_eq!(window(3, 95, 10, 5), 0);
        assert_eq!(window(5, 3, 0, 9), 3);
        assert_eq!(window(usize::MAX, 0, 5, 9), 4);
    }
}
