//! 20,000 rows in 12 classes: what takes long is asked of another thread, and comes out right. No clock is looked at here;
//! `shotglass bench ui` does that.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use shotglass::app::effect::Effect;
use shotglass::app::run::{About, Run};
use shotglass::app::sift::sift;
use shotglass::app::{Message, Pane, View};
use shotglass::data::Split;
use shotglass::session::folder::Status;
use shotglass::session::parse::Override;
use shotglass::session::predictions::Prediction;
use shotglass::session::prepare::Prepared;
use shotglass::session::{Session, SessionFile};

use crate::alone::Alone;

const ROWS: usize = 20_000;
pub const LABELS: [&str; 12] = [
    "anger",
    "anticipation",
    "disgust",
    "fear",
    "hope",
    "irony",
    "joy",
    "love",
    "optimism",
    "pride",
    "sadness",
    "surprise",
];

/// The class of a row, and what it is answered with: four in five right, and now and then no label at all.
fn gold(row: usize) -> usize {
    (row * 7 + row / 13) % LABELS.len()
}

fn predicted(row: usize) -> &'static str {
    match row % 50 {
        0 => "unknown",
        10 | 20 | 30 | 40 | 41..=45 => LABELS[(gold(row) + 1 + row % 3) % LABELS.len()],
        _ => LABELS[gold(row)],
    }
}

fn margin(row: usize) -> f64 {
    ((row * 7919) % 10_007) as f64 / 1000.0
}

fn text(row: usize) -> String {
    let words = ["quay", "ferry", "lantern", "horn", "tide", "anchor", "mast"];
    let more = "and so it went on ".repeat(row % 9);
    format!(
        "{} {} number {row} {more}{}",
        words[row % 7],
        words[row / 7 % 7],
        if row.is_multiple_of(97) { "Seagull!" } else { "" }
    )
}

/// The data with its run, made once.
fn large() -> (Arc<Prepared>, Run) {
    static LARGE: LazyLock<(Arc<Prepared>, Run)> = LazyLock::new(|| {
        let folder = crate::harness::root().join("large");
        std::fs::create_dir_all(&folder).unwrap();
        let mut csv = String::from("text,label\n");
        for row in 0..ROWS {
            let _ = writeln!(csv, "{},{}", text(row), LABELS[gold(row)]);
        }
        std::fs::write(folder.join("rows.csv"), csv).unwrap();
        let labels = LABELS.map(|label| format!("{label} = \"{label}\"")).join(", ");
        let session = format!(
            "version = 1\n[data]\npath = \"rows.csv\"\nlabel = \"label\"\nlabels = {{ {labels} }}\n\
             splits = {{ train = 0.0, validation = 1.0, test = 0.0 }}\n[prompt]\ntemplate = \"{{{{ text }}}}\"\n"
        );
        std::fs::write(folder.join("session.toml"), session).unwrap();
        let file = SessionFile::find(folder.join("session.toml").to_str().unwrap()).unwrap();
        let none: &[Override] = &[];
        let session: Session = file.load(none).unwrap();
        let prepared = Arc::new(Prepared::open(session, &mut |_, _| true).unwrap());
        let about = About {
            path: folder.join("session/runs/large"),
            name: "large".to_owned(),
            split: Split::Validation,
            total: ROWS,
            labels: LABELS.map(str::to_owned).to_vec(),
            prepared: Some(Arc::clone(&prepared)),
            model: "scripted".to_owned(),
            model_sha256: "0".repeat(64),
        };
        let rows = prepared.data.split(Split::Validation).iter().map(|row| Prediction {
            row: *row,
            split: Split::Validation,
            gold: Some(LABELS[gold(*row)].to_owned()),
            predicted: predicted(*row).to_owned(),
            answer: String::new(),
            margin: Some(margin(*row)),
            logprobs: (0..12).map(|label| Some(if label == gold(*row) { -margin(*row) - 0.5 } else { -3.0 })).collect(),
            extra: Vec::new(),
        });
        let run = Run::new(about, Status::Finished, rows.collect());
        (prepared, run)
    });
    let (prepared, run) = &*LARGE;
    (Arc::clone(prepared), run.clone())
}

/// View 3 with the run. Nothing is listed yet.
fn opened() -> Alone {
    let (_, run) = large();
    let mut alone = Alone::new();
    let path = run.about.path.clone();
    alone.send(Message::RunLoaded { path, run: Ok(Box::new(run)), beside: false });
    alone
}

/// The rows listed, by their numbers.
fn listed(alone: &Alone) -> Vec<usize> {
    let run = alone.app.run.as_ref().unwrap();
    alone.app.rows.listed.iter().map(|place| run.rows[*place as usize].row).collect()
}

/// Asserts that a key changes nothing that is listed by itself, asks for exactly one listing, and that this gives `rows`.
#[track_caller]
fn asks(alone: &mut Alone, keys: &[&str], rows: &[usize]) {
    let before = alone.app.rows.listed.clone();
    alone.press(keys);
    assert_eq!(alone.app.rows.listed, before, "rows were listed on the interface's thread");
    assert_eq!(alone.names().iter().filter(|name| **name == "sift").count(), 1, "{:?}", alone.names());
    alone.sifted();
    let now = listed(alone);
    assert_eq!(now.len(), rows.len());
    assert_eq!(now.iter().zip(rows).position(|(a, b)| a != b), None);
}

/// All rows by some key.
fn sorted<K: PartialOrd>(key: impl Fn(usize) -> K) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..ROWS).collect();
    rows.sort_by(|a, b| key(*a).partial_cmp(&key(*b)).unwrap().then(a.cmp(b)));
    rows
}

#[test]
fn rows_are_listed_filtered_and_sorted_elsewhere_and_come_out_right() {
    let mut alone = opened();
    assert!(alone.app.rows.listed.is_empty());
    alone.sifted().press(&["3"]);
    let all: Vec<usize> = (0..ROWS).collect();
    assert_eq!(listed(&alone), all);
    let position: std::collections::HashMap<usize, usize> =
        alone.app.run.as_ref().unwrap().rows.iter().enumerate().map(|(place, row)| (row.row, place)).collect();

    let by_margin = {
        let mut rows = all.clone();
        rows.sort_by(|a, b| margin(*a).total_cmp(&margin(*b)).then(position[a].cmp(&position[b])));
        rows
    };
    asks(&mut alone, &["s"], &by_margin);
    asks(&mut alone, &["S"], &by_margin.iter().rev().copied().collect::<Vec<_>>());
    asks(&mut alone, &["S"], &by_margin);
    let by_length = {
        let mut rows = all.clone();
        let data = &large().0.data;
        rows.sort_by_key(|row| (data.text(*row).chars().count(), position[row]));
        rows
    };
    asks(&mut alone, &["s"], &by_length);
    alone.press(&["s"]).sifted().press(&["s"]).sifted();
    let wrong: Vec<usize> = sorted(|row| row).into_iter().filter(|row| predicted(*row) != LABELS[gold(*row)]).collect();
    asks(&mut alone, &["f"], &wrong);
    let unknown: Vec<usize> = (0..ROWS).filter(|row| predicted(*row) == "unknown").collect();
    asks(&mut alone, &["f"], &unknown);
    let low = by_margin.get(ROWS / 10 - 1).map(|row| margin(*row)).unwrap();
    asks(&mut alone, &["f"], &all.iter().copied().filter(|row| margin(*row) <= low).collect::<Vec<_>>());
    asks(&mut alone, &["f"], &[]);
    asks(&mut alone, &["f"], &all);
    alone.press(&["/"]);
    asks(
        &mut alone,
        &["s"],
        &all.iter().copied().filter(|row| text(*row).to_lowercase().contains('s')).collect::<Vec<_>>(),
    );
    let gulls: Vec<usize> = (0..ROWS).step_by(97).collect();
    alone.press(&["<backspace>"]).sifted().press(&["seagul"]).sifted();
    asks(&mut alone, &["l"], &gulls);
    alone.press(&["<alt-a>"]).send(Message::Paste("/^Quay.*number \\d{3} /".to_owned())).sifted();
    // The capital letter means what it says.
    assert_eq!(listed(&alone), [0; 0]);
    alone.press(&["<alt-a>"]).send(Message::Paste("/^quay.*number \\d{3} /".to_owned())).sifted();
    let quays: Vec<usize> = (100..1000).filter(|row| row % 7 == 0).collect();
    assert_eq!(listed(&alone), quays);
}

#[test]
fn a_cell_of_144_opens_into_its_rows() {
    let mut alone = opened();
    alone.sifted();
    assert_eq!(alone.at(), (View::Evaluate, Pane::Matrix));
    let run = alone.app.run.as_ref().unwrap();
    assert_eq!(run.matrix_labels().len(), 13);
    for (cell, keys) in
        [((3, 4), &["<down>", "<down>", "<down>", "<right>", "<right>", "<right>", "<right>"][..]), ((12, 12), &["G"])]
    {
        alone.press(&["2"]).press(&["g"]).press(keys);
        assert_eq!(alone.app.evaluate.cell, cell);
        alone.press(&["<enter>"]).sifted();
        let (gold_label, answer) = (LABELS.get(cell.0).copied(), LABELS.get(cell.1).copied().unwrap_or("unknown"));
        let rows: Vec<usize> =
            (0..ROWS).filter(|row| Some(LABELS[gold(*row)]) == gold_label && predicted(*row) == answer).collect();
        assert_eq!(listed(&alone), rows);
        assert_eq!(alone.app.run.as_ref().unwrap().confusion.count(cell.0, cell.1), rows.len() as u64);
    }
}

#[test]
fn scrolling_lists_nothing_anew_and_keeps_the_cursor_in_sight() {
    let mut alone = opened();
    alone.sifted().press(&["3"]);
    let visible = usize::from(alone.app.areas.inner(Pane::Rows).height) - 1;
    let mut at = 0usize;
    for (keys, by) in [
        (&["<down>"][..], 1isize),
        (&["<pagedown>", "<pagedown>"], 2 * (visible as isize - 1)),
        (&["G"], isize::MAX),
        (&["<pageup>"], -(visible as isize - 1)),
        (&["k"], -1),
        (&["g"], isize::MIN),
    ] {
        alone.press(keys);
        at = at.saturating_add_signed(by).min(ROWS - 1);
        assert_eq!(alone.app.rows.selected, at);
        assert!(alone.names().iter().all(|name| *name == "detail"), "{:?}", alone.names());
        let offset = alone.app.rows.offset;
        assert!(offset <= at && at < offset + visible, "row {at} is not among {offset} + {visible}");
    }
}

#[test]
fn holding_a_key_renders_one_prompt_at_a_time() {
    let mut alone = opened();
    alone.sifted().press(&["3"]);
    let (first, run) = (alone.app.rows.asked.unwrap(), alone.app.run.as_ref().unwrap().about.path.clone());
    let mut asked = 0;
    for _ in 0..500 {
        alone.press(&["j"]);
        asked += alone.names().len();
    }
    assert_eq!(asked, 0);
    alone.send(Message::Detail { run, row: first, prompt: Ok(String::new()) });
    let row = alone.app.table_row().unwrap().row;
    assert!(matches!(&alone.effects[..], [Effect::Detail { row: of, .. }] if *of == row));
}

#[test]
fn a_disagreement_with_another_run_is_found_elsewhere_too() {
    let mut alone = opened();
    alone.sifted();
    let (_, mut other) = large();
    other.about.path = "large/session/runs/other".into();
    let changed: Vec<usize> = (0..ROWS).filter(|row| row % 1000 == 7).collect();
    let rows = other.rows.iter().map(|row| {
        let predicted = if changed.contains(&row.row) { "other" } else { &row.predicted };
        Prediction { predicted: predicted.to_owned(), ..(**row).clone() }
    });
    let other = Run::new(other.about.clone(), Status::Finished, rows.collect());
    alone.app.runs.marked = Some(other.about.path.clone());
    let path = other.about.path.clone();
    alone.send(Message::RunLoaded { path, run: Ok(Box::new(other)), beside: true }).sifted().press(&["3"]);
    for _ in 0..4 {
        alone.press(&["f"]).sifted();
    }
    asks(&mut alone, &["f"], &changed);
}

#[test]
fn a_listing_can_be_taken_apart_from_the_state() {
    // What the other thread is given is all that it needs.
    let mut alone = opened();
    let requests: Vec<_> = alone.effects.drain(..).collect();
    let request = requests.into_iter().find_map(|effect| match effect {
        Effect::Sift(request) => Some(request),
        _ => None,
    });
    let listed = std::thread::spawn(move || sift(&request.unwrap())).join().unwrap().unwrap();
    assert_eq!(listed.len(), ROWS);
}
