//! Simulated surveys: everybody is asked in several orders of the labels, and the answers are held against the real ones.

use super::*;
use crate::session::predictions;
use crate::session::simulation::draw;

/// Eight respondents of two ages in the test split; the prompt lists three parties in a shuffled order.
fn survey(folder: &Path, simulate: &str) -> Arc<Prepared> {
    let path = folder.join("rows.csv");
    let rows: String = (0..8).map(|row| format!("{},{},{}.5\n", 20 + row % 2, row % 3, row)).collect();
    std::fs::write(&path, format!("age,vote,w\n{rows}")).unwrap();
    let text = format!(
        "version = 1\n[data]\npath = {path:?}\nlabel = \"vote\"\nweight = \"w\"\n\
         labels = {{ 0 = \"red\", 1 = \"green\", 2 = \"blue\" }}\n\
         splits = {{ train = 0.0, validation = 0.0, test = 1.0 }}\n\
         [prompt]\noptions = \"shuffled\"\ntemplate = \"{{{{ age }}}}: {{{{ options }}}}\"\n[simulate]\n{simulate}\n"
    );
    Arc::new(Prepared::new(Session::parse("a.toml", &text, &[]).unwrap(), &mut |_, _| true).unwrap())
}

/// The label that is listed first is the likeliest.
fn first_listed() -> Vec<Rule> {
    let rule = |contains: &str, logprobs: [f64; 3]| Rule {
        contains: contains.to_owned(),
        logprobs: logprobs.to_vec(),
        text: String::new(),
    };
    vec![rule(": red", [-0.5, -1.5, -2.0]), rule(": green", [-2.0, -0.5, -1.5]), rule(": blue", [-1.5, -2.0, -0.5])]
}

fn script(batch: usize) -> Script {
    Script { rules: first_listed(), batch, ..Script::default() }
}

fn rows_of(folder: &Path, file: &str) -> Vec<Prediction> {
    predictions::read(&folder.join(file)).unwrap().rows
}

/// All that a run leaves but for times, the answers in other orders included.
fn all_files(folder: &Path) -> ((Vec<u8>, serde_json::Value), [Vec<u8>; 2]) {
    (files(folder), ["order-1.csv", "order-2.csv"].map(|name| std::fs::read(folder.join(name)).unwrap()))
}

#[test]
fn respondents_are_asked_in_every_order() {
    let home = TempDir::new().unwrap();
    let prepared = survey(home.path(), "shuffles = 2\nresamples = 10\nby = [\"age\"]");
    let bench = Bench::new(script(5));
    let task = bench.task(&prepared);
    assert_eq!((task.orders(), task.rows().len()), (3, 8));
    let mut recording = Recording::create(task, home.path()).unwrap();
    let outcome = bench.answer(&mut recording, usize::MAX);
    // Right and wrong are told of the session's own order alone.
    let Tally { done, total, labelled, .. } = recording.tally();
    assert_eq!((done, total, labelled), (24, 24, 8));
    let (summary, manifest) = finish(recording, outcome);
    assert_eq!((summary.rows, manifest.rows, manifest.legs[0].rows), (8, 8, 24));

    let run = Path::new(&summary.run);
    let orders = [PREDICTIONS, "order-1.csv", "order-2.csv"].map(|file| rows_of(run, file));
    for rows in &orders {
        assert_eq!(rows.iter().map(|row| row.row).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
        for row in rows {
            let (first, _) = row.extra[0].split_once('|').unwrap();
            assert_eq!((row.predicted.as_str(), row.extra[1].clone()), (first, format!("{}.5", row.row)));
        }
    }
    let shown = |rows: &[Prediction]| rows.iter().map(|row| row.extra[0].clone()).collect::<Vec<_>>();
    assert!(shown(&orders[0]) != shown(&orders[1]) && shown(&orders[1]) != shown(&orders[2]));
    assert_eq!(crate::session::run::other_orders(run, 2), orders[1..]);

    let simulation = summary.simulation.unwrap();
    let answers = |row: usize| [0, 1, 2].map(|order: usize| orders[order][row].predicted.as_str());
    let changes = (0..8).map(|row| answers(row)[1..].iter().filter(|answer| **answer != answers(row)[0]).count());
    let told = simulation.orders.unwrap();
    assert_eq!((told.shuffles, told.rows), (2, 8));
    assert_eq!(told.changed, changes.clone().filter(|changes| *changes > 0).count() as f64 / 8.0);
    assert_eq!(told.changed_by_one, changes.sum::<usize>() as f64 / 16.0);
    assert_eq!(simulation.positions, [1.0, 0.0, 0.0]);
    assert_eq!((simulation.by.len(), simulation.by[0].groups.len()), (1, 2));
}

#[test]
fn a_survey_that_was_stopped_ends_as_an_unbroken_one() {
    let home = TempDir::new().unwrap();
    let prepared = survey(home.path(), "shuffles = 2\nresamples = 10");
    let bench = Bench::new(script(8));
    let mut recording = Recording::create(bench.task(&prepared), &home.path().join("unbroken")).unwrap();
    let outcome = bench.answer(&mut recording, usize::MAX);
    let expected = all_files(Path::new(&finish(recording, outcome).0.run));

    // Within the session's own order, at its end, and within the next.
    for place in [3, 8, 11] {
        let broken = Bench::new(Script { fail_at: Some(place), ..script(1) });
        let mut recording = Recording::create(broken.task(&prepared), &home.path().join("runs")).unwrap();
        let Err(RunError::Engine(error)) = broken.answer(&mut recording, usize::MAX) else { panic!() };
        assert_eq!(recording.tally().done, place);
        let folder = recording.stop(&error).unwrap();
        // A record that was cut off is answered again.
        let order = folder.join("order-1.csv");
        let mut cut = std::fs::read(&order).unwrap();
        cut.extend_from_slice(b"7,test,gre");
        std::fs::write(&order, cut).unwrap();

        let mut recording = Recording::resume(bench.task(&prepared), &folder).unwrap();
        assert_eq!((recording.tally().done, recording.answered().len()), (place, place.min(8)));
        let outcome = bench.answer(&mut recording, usize::MAX);
        finish(recording, outcome);
        assert_eq!(all_files(&folder), expected, "stopped at {place}");
    }
}

#[test]
fn sampled_answers_are_drawn_by_probability_and_the_same_each_time() {
    let home = TempDir::new().unwrap();
    let prepared = survey(home.path(), "answer = \"sampled\"\nseed = 7\nresamples = 10");
    let run = |runs: &str| {
        let bench = Bench::new(script(3));
        let mut recording = Recording::create(bench.task(&prepared), &home.path().join(runs)).unwrap();
        let outcome = bench.answer(&mut recording, usize::MAX);
        finish(recording, outcome).0.run
    };
    let (one, two) = (run("one"), run("two"));
    let (one, two) = (Path::new(&one), Path::new(&two));
    assert_eq!(files(one), files(two));
    assert_eq!(files(one).1["simulation"]["answer"], "sampled");
    let rows = rows_of(one, PREDICTIONS);
    for row in &rows {
        let logprobs: Vec<f64> = row.logprobs.iter().copied().flatten().collect();
        let drawn = draw(7, row.row, &logprobs).unwrap();
        assert_eq!(row.predicted, prepared.data.labels()[drawn], "row {}", row.row);
    }
    // Not all of them are the likeliest, which is listed first.
    assert!(rows.iter().any(|row| !row.extra[0].starts_with(&row.predicted)));
}

#[test]
fn other_orders_need_labels_in_the_prompt() {
    let home = TempDir::new().unwrap();
    let prepared = survey(home.path(), "shuffles = 3");
    let mut session = prepared.session.clone();
    session.prompt.template = "{{ age }}".to_owned();
    let bench = Bench::new(script(8));
    let new = |session: Session, model: &ModelInfo| {
        let prepared = Arc::new(prepared.with_session(session));
        let task = Task::new(&prepared, "a.toml", Split::Test, None, model, &mut |_, _| true);
        task.map(|task| task.orders()).map_err(|error| error.to_string())
    };
    let message = "simulate.shuffles = 3, but the prompt lists no labels, so their order cannot change; put {{ options }} \
                   into prompt.template";
    assert_eq!(new(session.clone(), &bench.model).unwrap_err(), message);
    session.simulate.as_mut().unwrap().shuffles = 0;
    assert_eq!(new(session, &bench.model), Ok(1));
}
