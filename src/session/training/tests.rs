//! Trainings told by hand: what an engine would say, word by word.

use std::fs;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::session::prepare::Prepared;
use crate::session::{Session, predictions, runs};
use crate::train::{Evaluation, Step, update::Scores};

/// Twelve rows, every other one in favour.
const ROWS: &str = "text,label,w
see http://a.b/c one,0,1
two,1,1
SEE three,0,2
four,1,1
five,0,1
six,1,1
seven,0,1
eight,1,1
nine,0,1
ten,1,1
eleven,0,1
twelve,1,1
";

fn session(folder: &Path, rows: &str, data: &str, train: &str) -> Result<Arc<Prepared>, String> {
    let path = folder.join("rows.csv");
    fs::write(&path, rows).unwrap();
    let text = format!(
        "version = 1\n[data]\npath = {path:?}\nlabel = \"label\"\nlabels = {{ \"0\" = \"yes\", \"1\" = \"no, never\" }}\n\
         clean = [\"urls\"]\nsplits = {{ train = 0.5, validation = 0.25, test = 0.25 }}\nstratify = true\n{data}\n\
         [prompt]\ntemplate = \"{{{{ text }}}}\"\n[train]\nmodel = \"some/tiny\"\n{train}\n"
    );
    let session = Session::parse("a.toml", &text, &[]).map_err(|error| error.to_string())?;
    Ok(Arc::new(Prepared::new(session, &mut |_, _| true).map_err(|error| error.to_string())?))
}

fn plan(folder: &Path, data: &str, train: &str) -> Plan {
    Plan::new(&session(folder, ROWS, data, train).unwrap(), "a.toml").unwrap()
}

fn step(number: usize) -> Update {
    Update::Step(figures(number))
}

fn figures(number: usize) -> Step {
    let part = number as f64;
    Step { step: number, epoch: part / 3.0, loss: 0.1 / part, learning_rate: 5e-5 / part, grad_norm: part.sqrt() }
}

fn scores(number: usize) -> Scores {
    let part = number as f64;
    let class_f1 = vec![0.1 + 0.2, 1.0 / part];
    let (accuracy, f1) = (2.0 / 3.0, 0.65);
    Scores {
        step: number,
        epoch: part / 3.0,
        loss: 0.7,
        accuracy,
        precision: 0.1,
        recall: 0.2,
        f1,
        macro_f1: 0.3,
        class_f1,
    }
}

fn evaluated(number: usize, test: bool) -> Update {
    let logprobs = Arc::new(vec![vec![-0.5, -1.0], vec![-2.0, -0.25], vec![-0.125, -3.0]]);
    Update::Evaluated(Box::new(Evaluation { scores: scores(number), test, best: true, logprobs, seconds: 1.0 }))
}

fn started(number: usize, history: Vec<Figures>) -> Update {
    Update::Started(Box::new(Started {
        model: "tiny".into(),
        origin: "here".into(),
        sha256: "ab".into(),
        device: "cpu".into(),
        dtype: "f32".into(),
        threads: 2,
        parameters: 10,
        trainable: 9,
        steps: 6,
        steps_per_epoch: 3,
        epochs: 2,
        step: number,
        history,
        ..Started::default()
    }))
}

fn saved(number: usize, folder: &Path) -> Update {
    let path = folder.join(format!("checkpoints/step-{number:08}"));
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("state.toml"), "").unwrap();
    Update::Saved { step: number, path }
}

fn best(number: usize) -> Update {
    Update::Best { step: number, metric: "f1".into(), value: 0.65 }
}

fn tell(training: &mut Training, updates: &[Update]) {
    for update in updates {
        training.record(update).unwrap();
    }
}

/// What comes after step 3 in a training of six.
fn second_half(folder: &Path) -> Vec<Update> {
    vec![step(5), evaluated(6, false), saved(6, folder), evaluated(6, true)]
}

fn first_half(folder: &Path) -> Vec<Update> {
    vec![step(1), Update::Pace(crate::train::Pace::default()), evaluated(3, false), best(3), saved(3, folder)]
}

fn trained() -> Trained {
    Trained {
        steps: 6,
        seconds: 2.0,
        rows: 12,
        step_seconds: 0.25,
        best_step: 3,
        best: Some(("f1".into(), 0.65)),
        stopped: None,
    }
}

/// Every file that must not depend on where a training was broken.
fn files(folder: &Path) -> Vec<String> {
    [METRICS, EVALUATION, PREDICTIONS].map(|name| fs::read_to_string(folder.join(name)).unwrap()).to_vec()
}

fn unbroken(home: &Path) -> PathBuf {
    let mut training = Training::create(plan(home, "", ""), &home.join("unbroken")).unwrap();
    let folder = training.folder().to_owned();
    tell(&mut training, &[started(0, Vec::new())]);
    tell(&mut training, &first_half(&folder));
    tell(&mut training, &second_half(&folder));
    training.finish(trained()).unwrap();
    folder
}

#[test]
fn a_plan_has_the_raw_texts() {
    let home = TempDir::new().unwrap();
    let every = |plan: &Plan| {
        let all = Split::ALL.iter().flat_map(|split| {
            let examples = plan.examples(*split);
            assert_eq!(examples.rows, plan.prepared().data.split(*split));
            assert!(examples.rows.iter().zip(&examples.labels).all(|(row, label)| row % 2 == *label));
            examples.rows.iter().copied().zip(examples.texts.clone())
        });
        let mut all: Vec<(usize, String)> = all.collect();
        all.sort();
        all.into_iter().map(|(_, text)| text).collect::<Vec<_>>()
    };
    let plain = every(&plan(home.path(), "", ""));
    assert_eq!((plain.len(), plain[0].as_str(), plain[2].as_str()), (12, "see http://a.b/c one", "SEE three"));
    let cleaned = every(&plan(home.path(), "", "clean = [\"urls\", \"lowercase\"]"));
    assert_eq!((cleaned[0].as_str(), cleaned[2].as_str()), ("see  one", "see three"));

    let training = Training::create(plan(home.path(), "", "epochs = 7"), home.path()).unwrap();
    let Work::Train(request) = training.work() else { panic!() };
    assert_eq!((request.model.source.as_str(), request.settings.epochs, request.resume), ("some/tiny", 7, false));
    assert_eq!(request.labels, ["yes", "no, never"]);
    assert_eq!((request.train.rows.len(), request.validation.rows.len(), request.test.rows.len()), (6, 3, 3));
}

#[test]
fn what_cannot_be_learnt_is_refused() {
    let home = TempDir::new().unwrap();
    let all_no = ROWS.replace(",0,", ",1,");
    let no_stratum = |rows: &str| {
        let prepared = session(home.path(), ROWS, "", "").unwrap();
        let mut spec = prepared.session.clone();
        spec.data.stratify = false;
        fs::write(home.path().join("rows.csv"), rows).unwrap();
        let prepared = Arc::new(Prepared::new(spec, &mut |_, _| true).unwrap());
        (Plan::new(&prepared, "a.toml").err().map(|error| error.to_string()), prepared)
    };
    let (said, _) = no_stratum(&all_no);
    assert!(said.unwrap().starts_with("all rows of the train split have the label \"no, never\""));

    // A label that only a row of the test split has.
    let (_, prepared) = no_stratum(ROWS);
    let row = prepared.data.split(Split::Test)[0];
    let rows: String = ROWS
        .lines()
        .enumerate()
        .map(|(line, text)| match line {
            0 => format!("{text}\n"),
            line => format!("t{line},{},1\n", if line == row + 1 { 2 } else { line % 2 }),
        })
        .collect();
    let mut spec = prepared.session.clone();
    spec.data.labels.insert("2".into(), "perhaps".into());
    fs::write(home.path().join("rows.csv"), rows).unwrap();
    let prepared = Arc::new(Prepared::new(spec.clone(), &mut |_, _| true).unwrap());
    let said = Plan::new(&prepared, "a.toml").err().unwrap().to_string();
    assert!(
        said.starts_with(&format!("row {row} of the test split has the label \"perhaps\", which no row")),
        "{said}"
    );

    let with = |change: &dyn Fn(&mut Session)| {
        let mut session = session(home.path(), ROWS, "", "").unwrap().session.clone();
        change(&mut session);
        let prepared = Arc::new(Prepared::new(session, &mut |_, _| true).unwrap());
        Plan::new(&prepared, "a.toml").err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(with(&|session| session.train = None).contains("has no [train] section"));
    assert!(with(&|session| (session.data.label, session.data.stratify) = (None, false)).contains("data.label"));
    let none = |session: &mut Session| {
        session.data.splits = crate::data::SplitSizes { train: 0.0, validation: 0.5, test: 0.5 };
        session.data.stratify = false;
    };
    assert_eq!(with(&none), "the train split has no rows: give it a share in data.splits");
    // Labels that only the data knows.
    let weights = |session: &mut Session| {
        session.data.labels.clear();
        let weights = crate::train::settings::ClassWeights::Each([("yes".to_owned(), 2.0)].into());
        session.train.as_mut().unwrap().class_weights = weights;
    };
    assert!(with(&weights).starts_with("`train.class_weights.yes` is a weight of no label: no row is called `yes`"));
}

#[test]
fn what_is_odd_is_told() {
    let home = TempDir::new().unwrap();
    let rows = ROWS.replace("two,", "\"  \",").replace("four,", "http://x.y,");
    let prepared = session(home.path(), &rows, "", "clean = [\"urls\"]").unwrap();
    let plan = Plan::new(&prepared, "a.toml").unwrap();
    let [told] = plan.warnings() else { panic!("{:?}", plan.warnings()) };
    let mut named: Vec<&str> = told.rsplit(": ").next().unwrap().split(", ").collect();
    named.sort_unstable();
    assert!(told.starts_with("2 rows have an empty text, from which nothing can be learnt: "), "{told}");
    assert_eq!(named, ["1", "3"]);
    let mut session = prepared.session.clone();
    session.data.splits = crate::data::SplitSizes { train: 0.5, validation: 0.0, test: 0.5 };
    session.data.labels.insert("2".into(), "perhaps".into());
    session.train.as_mut().unwrap().clean.clear();
    let plan = Plan::new(&Arc::new(Prepared::new(session, &mut |_, _| true).unwrap()), "a.toml").unwrap();
    let [_, unseen, last] = plan.warnings() else { panic!("{:?}", plan.warnings()) };
    assert_eq!(unseen, "no row has the label perhaps: it will not be learnt");
    assert!(last.contains("the last weights are kept"));
}

#[test]
fn a_training_is_kept() {
    let home = TempDir::new().unwrap();
    let folder = unbroken(home.path());
    let [metrics, evaluation, predictions] = &files(&folder)[..] else { panic!() };
    assert_eq!(
        metrics,
        "kind,step,epoch,loss,learning_rate,grad_norm,accuracy,precision,recall,f1,macro_f1,f1:yes,\"f1:no, never\"
train,1,0.3333333333333333,0.1,0.00005,1,,,,,,,
eval,3,1,0.7,,,0.6666666666666666,0.1,0.2,0.65,0.3,0.30000000000000004,0.3333333333333333
train,5,1.6666666666666667,0.02,0.00001,2.23606797749979,,,,,,,
eval,6,2,0.7,,,0.6666666666666666,0.1,0.2,0.65,0.3,0.30000000000000004,0.16666666666666666
"
    );
    assert!(evaluation.starts_with("row,split,gold,predicted,answer,margin,logprob:yes,\"logprob:no, never\"\n"));
    assert_eq!(evaluation.matches(",validation,").count(), 3);
    assert!(predictions.contains(",yes,,0.500000,-0.500000,-1.000000\n"), "{predictions}");
    assert_eq!(predictions.matches(",test,").count(), 3);
    assert_eq!(predictions::read(&folder.join(PREDICTIONS)).unwrap().rows.len(), 3);

    let history = read(&folder).unwrap();
    let expected =
        [Figures::Train(figures(1)), Figures::Eval(scores(3)), Figures::Train(figures(5)), Figures::Eval(scores(6))];
    assert_eq!(history.figures, expected);
    let events: Vec<(usize, EventKind)> = history.events.iter().map(|event| (event.step, event.kind)).collect();
    assert_eq!(
        events,
        [
            (0, EventKind::Started),
            (3, EventKind::Best),
            (3, EventKind::Saved),
            (6, EventKind::Saved),
            (6, EventKind::Ended)
        ]
    );
    assert!(history.events.iter().all(|event| event.time.ends_with('Z')));
    assert_eq!((history.started.unwrap().parameters, history.labels.len()), (10, 2));
    let record = history.manifest.training.clone().unwrap();
    assert_eq!((record.train_rows, record.validation_rows, record.test_rows, record.unlabelled), (6, 3, 3, 0));
    let kept = record.best.unwrap();
    assert_eq!((record.steps, kept.step, kept.value, record.stopped), (6, 3, Some(0.65), None));
    assert_eq!((history.manifest.status, history.manifest.model.name.as_str()), (Status::Finished, "tiny"));

    let report: serde_json::Value = serde_json::from_slice(&fs::read(folder.join(REPORT)).unwrap()).unwrap();
    assert_eq!(report["rows"], 3);
    assert_eq!(report["epochs"][0]["epoch"], 1.0);
    assert_eq!((&report["epochs"][0]["train_loss"], &report["epochs"][1]["train_loss"]), (&0.1.into(), &0.02.into()));
    assert!(report["accuracy"].is_number() && report["confusion"]["matrix"].is_array());
    let loaded = runs::load(&folder).unwrap();
    assert_eq!((loaded.predictions.rows.len(), loaded.summary.unwrap().rows), (3, 3));
    let list = runs::list(&[home.path().join("unbroken")]);
    let facts = list[0].facts.clone().unwrap();
    assert_eq!((facts.split, facts.rows, facts.done, facts.live), (Split::Test, 3, 3, false));
    assert_eq!((facts.model.as_str(), facts.accuracy.is_some()), ("tiny", true));
}

#[test]
fn a_broken_training_ends_as_an_unbroken_one() {
    let home = TempDir::new().unwrap();
    let expected = files(&unbroken(home.path()));
    let history = vec![Figures::Train(figures(1)), Figures::Eval(scores(3))];
    // Killed behind the checkpoint, with figures that come again, and with torn lines.
    let mut training = Training::create(plan(home.path(), "", ""), &home.path().join("killed")).unwrap();
    let folder = training.folder().to_owned();
    tell(&mut training, &[started(0, Vec::new())]);
    tell(&mut training, &first_half(&folder));
    tell(&mut training, &[step(5), evaluated(6, false), best(6)]);
    assert!(runs::list(&[home.path().join("killed")])[0].facts.clone().unwrap().live);
    let busy = Training::resume(plan(home.path(), "", ""), &folder).err().unwrap().to_string();
    assert!(busy.contains("another run is writing"), "{busy}");
    drop(training);
    for name in [METRICS, EVENTS] {
        let path = folder.join(name);
        let mut text = fs::read_to_string(&path).unwrap();
        text += "train,9,{";
        fs::write(&path, text).unwrap();
    }
    let torn = read(&folder).unwrap();
    assert_eq!((torn.figures.len(), torn.events.len(), torn.manifest.status), (4, 4, Status::Running));
    assert_eq!(torn.manifest.training.unwrap().best.unwrap().step, 6);

    let mut manifest = Manifest::read(&folder).unwrap();
    manifest.name = Some("mine".into());
    manifest.write(&folder).unwrap();
    fs::write(folder.join(".new-1234"), "half").unwrap();
    let mut training = Training::resume(plan(home.path(), "", ""), &folder).unwrap();
    let Work::Train(request) = training.work() else { panic!() };
    assert!(request.resume && request.folder == folder && !folder.join(".new-1234").exists());
    tell(&mut training, &[started(3, history)]);
    let record = Manifest::read(&folder).unwrap().training.unwrap();
    assert_eq!((record.steps, record.best), (3, None));
    tell(&mut training, &second_half(&folder));
    let (summary, manifest) = training.finish(trained()).unwrap();
    assert_eq!((files(&folder), summary.rows), (expected, 3));
    assert_eq!((manifest.name.as_deref(), manifest.status), (Some("mine"), Status::Finished));
    let texts: Vec<String> = read(&folder).unwrap().events.into_iter().map(|event| event.text).collect();
    assert_eq!(texts[4], "goes on from step 3 of 6");
    assert_eq!(texts.last().unwrap(), "finished");
}

#[test]
fn torn_at_every_byte() {
    let home = TempDir::new().unwrap();
    let folder = unbroken(home.path());
    for name in [METRICS, EVENTS] {
        let path = folder.join(name);
        let whole = fs::read(&path).unwrap();
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            let history = read(&folder).unwrap();
            assert!(history.figures.len() <= 4 && history.events.len() <= 5, "{name} {end}");
        }
        fs::write(&path, whole).unwrap();
    }
    fs::write(folder.join(METRICS), "a,b\n").unwrap();
    assert!(read(&folder).unwrap_err().to_string().contains("its columns are not `kind,step,"));
    let header = "kind,step,epoch,loss,learning_rate,grad_norm,accuracy,precision,recall,f1,macro_f1\n";
    fs::write(folder.join(METRICS), format!("{header}train,x,1,1,1,1,,,,,\n")).unwrap();
    assert!(read(&folder).unwrap_err().to_string().ends_with("line 2 has no figures of a training"));
}

#[test]
fn only_the_same_training_goes_on() {
    let home = TempDir::new().unwrap();
    let mut training = Training::create(plan(home.path(), "", ""), home.path()).unwrap();
    let folder = training.folder().to_owned();
    tell(&mut training, &[started(0, Vec::new())]);
    tell(&mut training, &first_half(&folder));
    let stopped = training.stop(&EngineError::Failed("no more".into())).unwrap();
    let manifest = Manifest::read(&stopped).unwrap();
    assert_eq!((manifest.status, manifest.error.as_deref()), (Status::Failed, Some("no more")));
    let error = |plan: Plan| Training::resume(plan, &folder).err().unwrap().to_string();
    assert!(error(plan(home.path(), "", "epochs = 4")).ends_with("`train.epochs` was 3 and is 4"));
    assert!(error(plan(home.path(), "seed = 7", "")).ends_with("`data.seed` was 42 and is 7"));
    let other = session(home.path(), &ROWS.replace("twelve", "12"), "", "").unwrap();
    assert!(error(Plan::new(&other, "a.toml").unwrap()).contains("the data's SHA-256 was"));
    // What only prompts depend on may change.
    let mut session = session(home.path(), ROWS, "", "").unwrap().session.clone();
    session.prompt.template = "other {{ text }}".into();
    let other = Arc::new(Prepared::new(session, &mut |_, _| true).unwrap());
    let mut training = Training::resume(Plan::new(&other, "a.toml").unwrap(), &folder).unwrap();
    let before = fs::read_to_string(folder.join(METRICS)).unwrap();
    let Update::Started(told) = started(3, Vec::new()) else { panic!() };
    for (changed, words) in [
        (Started { sha256: "cd".into(), ..(*told).clone() }, "the model's SHA-256 was \"ab\" and is \"cd\""),
        (Started { device: "cuda:0".into(), ..(*told).clone() }, "the device was \"cpu\""),
        (Started { threads: 1, ..(*told).clone() }, "the number of threads was 2 and is 1"),
    ] {
        let error = training.record(&Update::Started(Box::new(changed))).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(fs::read_to_string(folder.join(METRICS)).unwrap(), before);
    drop(training);

    // Neither is a training a run, nor a run a training.
    let mut manifest = Manifest::read(&folder).unwrap();
    let was = manifest.clone();
    manifest.training = None;
    assert!(manifest.allows(&was, &folder).unwrap_err().to_string().contains("it was \"a run\" and is \"a training\""));
    manifest.write(&folder).unwrap();
    for error in [error(plan(home.path(), "", "")), read(&folder).unwrap_err().to_string()] {
        assert!(error.ends_with("is no training: go on with `shotglass run --resume`"), "{error}");
    }
    assert!(matches!(read(home.path()), Err(TrainingError::Folder(FolderError::NoRun { .. }))));
}

#[test]
fn a_training_without_a_figure_leaves_nothing() {
    let home = TempDir::new().unwrap();
    let training = Training::create(plan(home.path(), "", ""), &home.path().join("deep/runs")).unwrap();
    assert!(training.folder().join(METRICS).is_file());
    assert_eq!(training.stop(&EngineError::Cancelled), None);
    assert!(!home.path().join("deep").exists());

    let mut training = Training::create(plan(home.path(), "", ""), home.path()).unwrap();
    let folder = training.folder().to_owned();
    tell(&mut training, &[started(0, Vec::new()), saved(1, &folder)]);
    assert_eq!(training.stop(&EngineError::Cancelled), Some(folder.clone()));
    assert_eq!(Manifest::read(&folder).unwrap().status, Status::Cancelled);
    assert_eq!(read(&folder).unwrap().events.last().unwrap().text, "cancelled");
    // One that goes on is kept whatever comes.
    let training = Training::resume(plan(home.path(), "", ""), &folder).unwrap();
    assert_eq!(training.stop(&EngineError::Failed("x".into())), Some(folder));
}

#[test]
fn answers_that_do_not_fit_are_refused() {
    let home = TempDir::new().unwrap();
    let mut training = Training::create(plan(home.path(), "weight = \"w\"", ""), home.path()).unwrap();
    let folder = training.folder().to_owned();
    tell(&mut training, &[started(0, Vec::new()), evaluated(3, false)]);
    assert!(fs::read_to_string(folder.join(EVALUATION)).unwrap().lines().next().unwrap().ends_with(",weight"));
    let few = Evaluation { logprobs: Arc::new(vec![vec![-1.0, -1.0]]), ..Evaluation::default() };
    let error = training.record(&Update::Evaluated(Box::new(few))).unwrap_err().to_string();
    assert_eq!(error, "the engine evaluated 1 of the 3 rows of the validation split");
    let wide = Evaluation { logprobs: Arc::new(vec![vec![-1.0]; 3]), ..Evaluation::default() };
    assert!(training.record(&Update::Evaluated(Box::new(wide))).is_err());
    let error = training.finish(trained()).unwrap_err().to_string();
    assert_eq!(error, "the engine evaluated 0 of the 3 rows of the test split");
    assert_eq!(Manifest::read(&folder).unwrap().status, Status::Failed);
}

#[test]
fn figures_that_are_no_numbers_are_read_back() {
    let home = TempDir::new().unwrap();
    let mut training = Training::create(plan(home.path(), "", ""), home.path()).unwrap();
    let folder = training.folder().to_owned();
    let strange = Step { loss: f64::NAN, grad_norm: f64::INFINITY, ..figures(1) };
    let infinite = Update::Best { step: 1, metric: "loss".into(), value: f64::INFINITY };
    tell(&mut training, &[started(0, Vec::new()), Update::Step(strange), infinite]);
    let history = read(&folder).unwrap();
    let [Figures::Train(back)] = &history.figures[..] else { panic!() };
    assert!(back.loss.is_nan() && back.grad_norm.is_infinite());
    assert_eq!(history.manifest.training.unwrap().best.unwrap().value, None);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_keeps_whole_lines() {
    let home = TempDir::new().unwrap();
    let mut training = Training::create(plan(home.path(), "", ""), home.path()).unwrap();
    let folder = training.folder().to_owned();
    tell(&mut training, &[started(0, Vec::new()), step(1)]);
    // Whatever replaces a file cannot be written any more.
    fs::create_dir(folder.join("x")).unwrap();
    fs::remove_file(folder.join(METRICS)).unwrap();
    fs::create_dir(folder.join(METRICS)).unwrap();
    let error = training.record(&started(0, Vec::new())).unwrap_err().to_string();
    assert!(error.contains("metrics.csv: cannot be written") && error.contains("--resume"), "{error}");
    // A device that takes nothing.
    let mut full = fs::File::options().append(true).open("/dev/full").unwrap();
    let mut len = 7;
    assert!(table::append(&mut full, &mut len, b"train,1\n").is_err());
    assert_eq!(len, 7);
}

#[test]
fn manifests_of_runs_have_no_training() {
    let home = TempDir::new().unwrap();
    let folder = unbroken(home.path());
    let text = fs::read_to_string(folder.join(folder::MANIFEST)).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value.as_object_mut().unwrap().remove("training").unwrap();
    let old: Manifest = serde_json::from_value(value).unwrap();
    assert_eq!(old.training, None);
    assert!(!serde_json::to_string(&old).unwrap().contains("\"training\""));
}
