//! Gold labels of a session that deserve a second look, in the order in which they are to be looked at.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::audit::duplicates::{self, Group};
use crate::audit::{Answered, disagreements, worth_labelling};
use crate::data::Split;

use super::folder::Manifest;
use super::home::SessionFile;
use super::overlay::{OVERLAY, Overlay, Verdict};
use super::predictions::{Prediction, probabilities};
use super::prepare::Prepared;

/// What brings a row up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The model is sure of another label.
    Disagreement,
    /// Nearly the same text has another label.
    NearDuplicate,
    /// Nearly the same text is in another split.
    TwoSplits,
    /// The text is nothing but addresses, or nothing.
    UrlOnly,
}

impl Reason {
    /// All of them, in the order in which rows are looked at.
    pub const ALL: [Self; 4] = [Self::Disagreement, Self::NearDuplicate, Self::TwoSplits, Self::UrlOnly];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disagreement => "disagreement",
            Self::NearDuplicate => "near-duplicate",
            Self::TwoSplits => "two-splits",
            Self::UrlOnly => "url-only",
        }
    }
}

/// A row to look at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suspect {
    /// Its number.
    pub row: usize,
    /// What brings it up first; a row is listed once.
    pub reason: Reason,
    /// How much, from 0 to 1: the probability of the other label, or the similarity of texts.
    pub score: f64,
    /// In words.
    pub detail: String,
    /// Other rows that it is about.
    pub others: Vec<usize>,
}

/// What an audit found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Audit {
    /// Rows that were looked through.
    pub rows: usize,
    /// The suspects, each row once.
    pub suspects: Vec<Suspect>,
    /// Rows with nearly the same text.
    #[serde(skip)]
    pub groups: Vec<Group>,
}

/// Looks through all rows of the splits, and through a run's answers where there are some. `go_on` is asked all along; none
/// where it says no.
pub fn audit(prepared: &Prepared, answers: &[&Prediction], go_on: &(dyn Fn() -> bool + Sync)) -> Option<Audit> {
    let data = &prepared.data;
    let rows: Vec<usize> = Split::ALL.iter().flat_map(|split| data.split(*split)).copied().collect();
    let texts: Vec<(usize, String)> = rows.iter().map(|row| (*row, data.text(*row).into_owned())).collect();
    let borrowed: Vec<(usize, &str)> = texts.iter().map(|(row, text)| (*row, text.as_str())).collect();
    let groups = duplicates::groups(&borrowed, go_on)?;
    let word = |label: usize| data.labels().get(label).map_or("", String::as_str);
    let mut found: Vec<Suspect> = disagreements(&answered(prepared, answers))
        .into_iter()
        .map(|of| Suspect {
            row: of.row,
            reason: Reason::Disagreement,
            score: of.confidence,
            detail: format!("the model says {} with {:.2}", word(of.predicted), of.confidence),
            others: Vec::new(),
        })
        .collect();
    for group in &groups {
        let mut counts: HashMap<usize, usize> = HashMap::new();
        group.rows.iter().filter_map(|row| data.gold(*row)).for_each(|gold| *counts.entry(gold).or_default() += 1);
        let mut splits: Vec<Split> = group.rows.iter().filter_map(|row| data.split_of(*row)).collect();
        splits.dedup();
        let apart = splits.iter().any(|split| Some(split) != splits.first());
        let most =
            counts.iter().max_by_key(|(label, count)| (**count, std::cmp::Reverse(**label))).map(|(label, _)| *label);
        for row in &group.rows {
            // Of the labels of one text the rarer ones are suspect; of two that are as frequent, both.
            let gold = data.gold(*row);
            let tied = gold.and_then(|gold| counts.get(&gold)) == most.and_then(|most| counts.get(&most));
            let other = counts.len() > 1 && gold.is_some() && (gold != most || (tied && counts.len() > 1));
            let reason = if other { Reason::NearDuplicate } else { Reason::TwoSplits };
            if !other && !apart {
                continue;
            }
            let others: Vec<usize> = group.rows.iter().copied().filter(|other| other != row).take(9).collect();
            let detail = match reason {
                Reason::NearDuplicate => {
                    format!("{} rows have nearly this text and {} different labels", group.rows.len() - 1, counts.len())
                }
                _ => format!("{} rows have nearly this text, and not all are in the same split", group.rows.len() - 1),
            };
            found.push(Suspect { row: *row, reason, score: group.similarity, detail, others });
        }
    }
    let empty = texts.iter().filter(|(row, _)| duplicates::is_empty(data.raw_text(*row)));
    found.extend(empty.map(|(row, _)| Suspect {
        row: *row,
        reason: Reason::UrlOnly,
        score: 1.0,
        detail: "the text is nothing but addresses".to_owned(),
        others: Vec::new(),
    }));
    // The sort is stable: within a reason the order is that in which they were found.
    found.sort_by_key(|suspect| suspect.reason);
    let mut seen = std::collections::HashSet::new();
    found.retain(|suspect| seen.insert(suspect.row));
    Some(Audit { rows: rows.len(), suspects: found, groups })
}

/// Rows of a run as the audit sees them.
fn answered(prepared: &Prepared, answers: &[&Prediction]) -> Vec<Answered> {
    let place = |label: &str| prepared.data.labels().iter().position(|known| known == label);
    // A gold label that says nothing is none.
    let said = |label: &usize| !prepared.data.is_missing(*label);
    let of = |row: &&Prediction| Answered {
        row: row.row,
        gold: row.gold.as_deref().and_then(place).filter(said),
        predicted: place(&row.predicted),
        probabilities: probabilities(&row.logprobs).unwrap_or_default(),
    };
    answers.iter().map(of).collect()
}

/// Unlabelled rows of a run in the order in which labels would teach most, with how unsure the model is (entropy in nats).
pub fn next_to_label(prepared: &Prepared, answers: &[&Prediction], groups: &[Group]) -> Vec<(usize, f64)> {
    worth_labelling(&answered(prepared, answers), groups)
}

/// The file with the marks on the rows of a run: in the home of its session, beside the folder of its runs.
pub fn overlay_of(run: &Path, manifest: &Manifest) -> PathBuf {
    let beside = run.parent().and_then(Path::parent).map(|home| home.join(OVERLAY)).filter(|path| path.is_file());
    beside.unwrap_or_else(|| match SessionFile::find(&manifest.file) {
        Ok(file) => file.home().join(OVERLAY),
        Err(_) => run.join(OVERLAY),
    })
}

/// The marks as CSV: `row, split, gold, verdict, doubtful, why, tag, note, time`.
pub fn overlay_csv(prepared: &Prepared, overlay: &Overlay) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["row", "split", "gold", "verdict", "doubtful", "why", "tag", "note", "time"])?;
    let data = &prepared.data;
    for (row, mark) in overlay.iter() {
        let gold = data.gold(row).and_then(|label| data.labels().get(label)).map_or("", String::as_str);
        writer.write_record([
            row.to_string().as_str(),
            data.split_of(row).map_or("", Split::name),
            gold,
            mark.decided().map_or("", Verdict::name),
            if mark.doubtful { "true" } else { "false" },
            mark.why.as_deref().unwrap_or_default(),
            mark.tag.as_deref().unwrap_or_default(),
            mark.note.as_deref().unwrap_or_default(),
            overlay.time(row).unwrap_or_default(),
        ])?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::session::overlay::Mark;

    fn prepared(folder: &Path) -> Prepared {
        let path = folder.join("rows.csv");
        let texts = [
            "we sang for the ferry all night long",
            "we sang for the ferry all night long!",
            "the toll is a disgrace",
            "https://t.co/a",
            "seven lanterns on the old quay",
            "nobody asked for this march",
        ];
        let labels = [1, 0, 0, 1, 1, 0];
        let rows: String = texts.iter().zip(labels).map(|(text, label)| format!("{text},{label}\n")).collect();
        std::fs::write(&path, format!("text,label\n{rows}")).unwrap();
        let text = format!(
            "version = 1\n[data]\npath = {path:?}\nlabel = \"label\"\nlabels = {{ \"1\" = \"yes\", \"0\" = \"no\" }}\n\
             splits = {{ train = 0.5, validation = 0.5, test = 0.0 }}\n[prompt]\ntemplate = \"{{{{ text }}}}\"\n"
        );
        Prepared::new(Session::parse("a.toml", &text, &[]).unwrap(), &mut |_, _| true).unwrap()
    }

    #[test]
    fn each_row_once_by_what_weighs_most() {
        let folder = tempfile::tempdir().unwrap();
        let prepared = prepared(folder.path());
        let answer = |row: usize, gold: &str, logprobs: [f64; 2]| Prediction {
            row,
            split: Split::Validation,
            gold: Some(gold.to_owned()),
            predicted: if logprobs[0] > logprobs[1] { "yes" } else { "no" }.to_owned(),
            answer: String::new(),
            margin: None,
            logprobs: logprobs.map(Some).to_vec(),
            extra: Vec::new(),
        };
        let rows = [answer(4, "yes", [-3.0, -0.1]), answer(5, "no", [-3.0, -0.1]), answer(2, "no", [-2.0, -0.2])];
        let found = audit(&prepared, &rows.iter().collect::<Vec<_>>(), &|| true).unwrap();
        let told: Vec<(usize, Reason)> = found.suspects.iter().map(|of| (of.row, of.reason)).collect();
        assert_eq!(
            told,
            [(4, Reason::Disagreement), (0, Reason::NearDuplicate), (1, Reason::NearDuplicate), (3, Reason::UrlOnly)]
        );
        assert_eq!(found.suspects[1].others, [1]);
        assert!(found.suspects[0].detail.starts_with("the model says no with 0.9"));
        assert!(audit(&prepared, &[], &|| false).is_none());
        let open = Prediction { gold: None, ..answer(5, "", [-0.7, -0.7]) };
        assert_eq!(next_to_label(&prepared, &[&rows[0], &open], &found.groups)[0].0, 5);
    }

    #[test]
    fn marks_as_csv() {
        let folder = tempfile::tempdir().unwrap();
        let prepared = prepared(folder.path());
        let mut overlay = Overlay::open(&folder.path().join(OVERLAY), prepared.data.sha256()).unwrap();
        let mark = Mark { note: Some("a, \"b\"".into()), ..Mark::default() };
        overlay.set(3, mark.judged(Verdict::GoldWrong, Some("url-only".into()))).unwrap();
        let text = String::from_utf8(overlay_csv(&prepared, &overlay).unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "row,split,gold,verdict,doubtful,why,tag,note,time");
        assert!(lines[1].contains(",yes,gold-wrong,true,url-only,,\"a, \"\"b\"\"\",20"), "{}", lines[1]);
    }
}
