use std::path::PathBuf;

use super::*;
use crate::app::run::tests::prediction;
use crate::session::prepare::Prepared;

fn sweep(folder: &std::path::Path) -> Sweep {
    let path = folder.join("rows.csv");
    let rows: String = (0..40).map(|row| format!("text {row},{}\n", row % 2)).collect();
    std::fs::write(&path, format!("text,label\n{rows}")).unwrap();
    let text = format!(
        "version = 1\n[data]\npath = {path:?}\nlabel = \"label\"\nlabels = {{ \"0\" = \"yes\", \"1\" = \"no\" }}\n\
         splits = {{ train = 0.5, validation = 0.3, test = 0.2 }}\n[prompt]\ntemplate = \"yes or no? {{{{ text }}}}\"\n\
         [sweep]\nformats = []\nparaphrases = [\"no?\"]\ninstruction = \"yes or no?\""
    );
    let prepared = Prepared::new(Session::parse("a.toml", &text, &[]).unwrap(), &mut |_, _| true).unwrap();
    Sweep::new(&prepared, Split::Validation, None).unwrap()
}

#[test]
fn figures_lie_where_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let mut sweep = sweep(folder.path());
    assert_eq!(sweep.progress(), (0, 3));
    // Of four rows, one more wrong each time.
    let mut names = Vec::new();
    while let Some(proposal) = sweep.next() {
        let wrong = names.len();
        let rows = (0..4).map(|row| prediction(row, "yes", if row < wrong { "no" } else { "yes" }, 1.0)).collect();
        assert_eq!((proposal.split, proposal.limit), (Split::Validation, Some(100)));
        names.push(proposal.name);
        sweep.take(Answered { run: PathBuf::from(format!("run-{wrong}")), rows });
    }
    assert_eq!(names, ["sweep: as it is", "sweep: label order no, yes", "sweep: paraphrase 1"]);
    let spread = sweep.spread();
    let range = spread.accuracy.unwrap();
    assert_eq!((range.min, range.max, range.mean, range.sd), (0.5, 1.0, 0.75, Some(0.25)));
    assert_eq!((spread.best.as_deref(), spread.worst.as_deref()), (Some("run-0"), Some("run-2")));
    assert_eq!(spread.kinds.iter().map(|of| of.kind).collect::<Vec<_>>(), [Kind::LabelOrder, Kind::Paraphrase]);
    // Units of three raters: yyy, yyy, nyy-like columns; checked with the krippendorff package.
    assert!((spread.stability.unwrap() - 0.185_185).abs() < 1e-5, "{:?}", spread.stability);
    let text = sweep.text();
    assert!(text.contains("paraphrase 1") && text.contains("-0.") && text.contains("prompt stability"), "{text}");
    let notes: Vec<String> = sweep.lines().into_iter().map(|line| line.note).collect();
    assert_eq!(notes, ["best", "", "worst"]);
}

#[test]
fn without_gold_labels_stability_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut sweep = sweep(folder.path());
    for run in ["a", "b"] {
        sweep.next().unwrap();
        let rows =
            (0..2).map(|row| Prediction { gold: None, ..prediction(row, "", ["yes", "no"][row], 1.0) }).collect();
        sweep.take(Answered { run: PathBuf::from(run), rows });
    }
    let spread = sweep.spread();
    assert_eq!((spread.accuracy, spread.best, spread.stability), (None, None, Some(1.0)));
}
