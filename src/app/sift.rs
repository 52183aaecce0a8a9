//! Which rows of a run are listed, and in what order. Filtering and sorting thousands of texts is work for another
//! thread: this is what it is asked and what it answers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use regex::RegexBuilder;

use crate::data::Split;
use crate::session::comparison::Outcome;
use crate::session::predictions::{Prediction, probabilities};
use crate::session::prepare::Prepared;
use crate::session::simulation::Member;

use super::run::Run;

/// Bytes that a compiled pattern may take.
const MOST_PATTERN: usize = 1 << 20;

/// Ready filters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// All rows.
    #[default]
    All,
    /// Rows answered wrong.
    Wrong,
    /// Rows whose answer is no label.
    Unknown,
    /// The tenth of the rows with the lowest margins.
    LowMargin,
    /// Rows that are tagged, noted or doubtful.
    Marked,
    /// Rows that another run answers otherwise.
    Disagreement,
    /// Rows whose gold label is to be reviewed.
    Suspects,
}

impl Show {
    /// What comes next; disagreement needs another run.
    pub fn next(self, other: bool) -> Self {
        match self {
            Self::All => Self::Wrong,
            Self::Wrong => Self::Unknown,
            Self::Unknown => Self::LowMargin,
            Self::LowMargin => Self::Marked,
            Self::Marked if other => Self::Disagreement,
            Self::Marked | Self::Disagreement | Self::Suspects => Self::All,
        }
    }

    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Wrong => "misclassified",
            Self::Unknown => "unknown",
            Self::LowMargin => "low margin",
            Self::Marked => "marked",
            Self::Disagreement => "disagreement",
            Self::Suspects => "to review",
        }
    }
}

/// Orders of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By row number.
    #[default]
    Row,
    /// The smallest margin first.
    Margin,
    /// The shortest text first.
    Length,
    /// The least likely gold label first.
    Probability,
}

impl Sort {
    /// What comes next.
    pub fn next(self) -> Self {
        match self {
            Self::Row => Self::Margin,
            Self::Margin => Self::Length,
            Self::Length => Self::Probability,
            Self::Probability => Self::Row,
        }
    }

    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Margin => "margin",
            Self::Length => "length",
            Self::Probability => "p(gold)",
        }
    }
}

/// Rows that a figure of a simulated survey was made of: those that fit all that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// With this label, gold or predicted.
    pub label: Option<String>,
    /// With this label predicted.
    pub predicted: Option<String>,
    /// With this generated answer, blanks around it left out.
    pub answer: Option<String>,
    /// Of a group: column, value.
    pub group: Option<(String, String)>,
    /// With none of these as gold label.
    pub without: Vec<String>,
}

impl Only {
    /// What it is called.
    pub fn title(&self) -> String {
        let told = [
            self.group.as_ref().map(|(column, value)| format!("{column}: {value}")),
            self.label.as_ref().map(|label| format!("really or predicted {label}")),
            self.predicted.as_ref().map(|label| format!("predicted {label}")),
            self.answer.as_ref().map(|answer| format!("answer {answer}")),
            (!self.without.is_empty()).then(|| "without missing".to_owned()),
        ];
        told.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn fits(&self, row: &Prediction, group: Option<&Member<'_>>) -> bool {
        let is = |wanted: &Option<String>, have: &str| wanted.as_ref().is_none_or(|wanted| wanted == have);
        let gold = row.gold.as_deref();
        self.label.as_ref().is_none_or(|label| row.predicted == *label || gold == Some(label.as_str()))
            && is(&self.predicted, &row.predicted)
            && is(&self.answer, row.answer.trim())
            && !gold.is_some_and(|gold| self.without.iter().any(|label| label == gold))
            && self.group.as_ref().is_none_or(|(_, value)| group.is_some_and(|group| group.group(row.row) == value))
    }
}

/// What is to be listed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Of one cell of the matrix: gold, predicted.
    pub cell: Option<(String, String)>,
    /// Only rows that a figure was made of.
    pub only: Option<Only>,
    /// Only rows that this became of on the way from the marked run, A, to this one, B.
    pub outcome: Option<Outcome>,
    /// A ready filter.
    pub show: Show,
    /// Words that must all be in the text, in any case; or a regular expression between slashes.
    pub query: String,
    /// The order.
    pub sort: Sort,
    /// The other way round.
    pub reverse: bool,
}

/// Work to list rows.
#[derive(Clone)]
pub struct SiftRequest {
    /// The revision of the rows.
    pub revision: u64,
    /// What is to be listed.
    pub filter: Filter,
    /// The rows.
    pub rows: Vec<Arc<Prediction>>,
    /// Their texts.
    pub prepared: Option<Arc<Prepared>>,
    /// The labels, in the order of the log-probabilities.
    pub labels: Vec<String>,
    /// Rows that are marked.
    pub marked: HashSet<usize>,
    /// Another run.
    pub other: Option<Arc<Run>>,
    /// Rows to review, with their places in that order.
    pub suspects: HashMap<usize, usize>,
}

/// Places in the rows, in the order in which they are listed; or what is wrong with the pattern.
pub type Sifted = Result<Vec<u32>, String>;

/// Words, or a pattern.
enum Query {
    Words(Vec<String>),
    Pattern(regex::Regex),
}

impl Query {
    fn parse(text: &str) -> Result<Self, String> {
        let pattern = text.strip_prefix('/').map(|text| text.strip_suffix('/').unwrap_or(text));
        match pattern {
            Some(pattern) => RegexBuilder::new(pattern)
                .case_insensitive(!pattern.chars().any(char::is_uppercase))
                .size_limit(MOST_PATTERN)
                .build()
                .map(Self::Pattern)
                .map_err(|error| error.to_string().lines().last().unwrap_or_default().trim().to_owned()),
            None => Ok(Self::Words(text.split_whitespace().map(str::to_lowercase).collect())),
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Words(words) if words.is_empty() => true,
            Self::Words(words) => {
                let text = text.to_lowercase();
                words.iter().all(|word| text.contains(word.as_str()))
            }
            Self::Pattern(pattern) => pattern.is_match(text),
        }
    }
}

/// Lists rows.
pub fn sift(request: &SiftRequest) -> Sifted {
    let SiftRequest { filter, rows, prepared, labels, marked, other, suspects, .. } = request;
    let query = Query::parse(&filter.query)?;
    let text = |row: &Prediction| prepared.as_ref().map(|prepared| prepared.data.text(row.row)).unwrap_or_default();
    let low = if filter.show == Show::LowMargin { low_margin(rows) } else { None };
    let shown = |row: &Prediction| match filter.show {
        Show::All => true,
        Show::Wrong => row.gold.as_ref().is_some_and(|gold| *gold != row.predicted),
        Show::Unknown => !labels.contains(&row.predicted),
        Show::LowMargin => low.is_some_and(|low| row.margin.is_some_and(|margin| margin <= low)),
        Show::Marked => marked.contains(&row.row),
        Show::Suspects => suspects.contains_key(&row.row),
        Show::Disagreement => {
            let theirs = other.as_ref().and_then(|other| other.of(row.row));
            theirs.is_some_and(|theirs| theirs.predicted != row.predicted)
        }
    };
    let in_cell = |row: &Prediction| {
        filter.cell.as_ref().is_none_or(|(gold, predicted)| {
            row.gold.as_ref().is_some_and(|own| own == gold) && row.predicted == *predicted
        })
    };
    let of_outcome = |row: &Prediction| {
        filter.outcome.is_none_or(|outcome| {
            let theirs = other.as_ref().and_then(|other| other.of(row.row));
            theirs.is_some_and(|theirs| {
                let gold = theirs.gold.as_deref().or(row.gold.as_deref());
                outcome.is_of(gold, &theirs.predicted, &row.predicted)
            })
        })
    };
    let column = filter.only.as_ref().and_then(|only| only.group.as_ref()).map(|(column, _)| column);
    let group = column.zip(prepared.as_ref()).and_then(|(column, prepared)| Member::of(prepared, column));
    let meant = |row: &Prediction| filter.only.as_ref().is_none_or(|only| only.fits(row, group.as_ref()));
    let plain = matches!(&query, Query::Words(words) if words.is_empty());
    let mut listed: Vec<(f64, u32)> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| in_cell(row) && of_outcome(row) && meant(row) && shown(row))
        .filter(|(_, row)| plain || query.matches(&text(row)))
        .map(|(place, row)| {
            let key = match filter.sort {
                Sort::Row if filter.show == Show::Suspects => {
                    suspects.get(&row.row).map_or(f64::INFINITY, |place| *place as f64)
                }
                Sort::Row => row.row as f64,
                Sort::Margin => row.margin.unwrap_or(f64::INFINITY),
                Sort::Length => text(row).chars().count() as f64,
                Sort::Probability => gold_probability(row, labels).unwrap_or(f64::INFINITY),
            };
            (key, place as u32)
        })
        .collect();
    listed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    if filter.reverse {
        listed.reverse();
    }
    Ok(listed.into_iter().map(|(_, place)| place).collect())
}

/// Labelled training rows whose text has all the words of `query`, in any case.
pub fn training_rows(prepared: &Prepared, query: &str) -> Vec<usize> {
    let words = Query::Words(query.split_whitespace().map(str::to_lowercase).collect());
    let data = &prepared.data;
    let fits = |row: &usize| data.gold(*row).is_some() && words.matches(&data.text(*row));
    data.split(Split::Train).iter().copied().filter(fits).collect()
}

/// The margin that a tenth of the rows lie below.
fn low_margin(rows: &[Arc<Prediction>]) -> Option<f64> {
    let mut margins: Vec<f64> = rows.iter().filter_map(|row| row.margin).collect();
    margins.sort_by(f64::total_cmp);
    margins.get(margins.len().div_ceil(10).checked_sub(1)?).copied()
}

/// The probability of a row's gold label among the labels.
fn gold_probability(row: &Prediction, labels: &[String]) -> Option<f64> {
    let gold = labels.iter().position(|label| Some(label) == row.gold.as_ref())?;
    probabilities(&row.logprobs)?.get(gold).copied()
}

#[cfg(test)]
mod tests {
    use super::super::run::tests::{about, prediction};
    use super::*;
    use crate::session::folder::Status;

    fn request(filter: Filter) -> SiftRequest {
        let rows = vec![
            prediction(7, "yes", "yes", 0.5),
            prediction(3, "yes", "no", 2.0),
            prediction(5, "no", "yes", 0.1),
            prediction(9, "no", "unknown", 1.0),
        ];
        SiftRequest {
            revision: 1,
            filter,
            rows: rows.into_iter().map(Arc::new).collect(),
            prepared: None,
            labels: vec!["yes".to_owned(), "no".to_owned()],
            marked: HashSet::from([9]),
            other: Some(Arc::new(Run::new(
                about(2),
                Status::Finished,
                vec![prediction(7, "yes", "no", 0.5), prediction(3, "yes", "no", 2.0)],
            ))),
            suspects: HashMap::from([(9, 0), (3, 1)]),
        }
    }

    fn rows(filter: Filter) -> Vec<usize> {
        let request = request(filter);
        sift(&request).unwrap().into_iter().map(|place| request.rows[place as usize].row).collect()
    }

    #[test]
    fn orders() {
        assert_eq!(rows(Filter::default()), [3, 5, 7, 9]);
        assert_eq!(rows(Filter { reverse: true, ..Filter::default() }), [9, 7, 5, 3]);
        assert_eq!(rows(Filter { sort: Sort::Margin, ..Filter::default() }), [5, 7, 9, 3]);
        // The fixture's first label is always the likelier one.
        assert_eq!(rows(Filter { sort: Sort::Probability, ..Filter::default() }), [9, 5, 7, 3]);
    }

    #[test]
    fn filters() {
        let show = |show| rows(Filter { show, ..Filter::default() });
        assert_eq!(show(Show::Wrong), [3, 5, 9]);
        assert_eq!(show(Show::Unknown), [9]);
        assert_eq!(show(Show::LowMargin), [5]);
        assert_eq!(show(Show::Marked), [9]);
        assert_eq!(show(Show::Disagreement), [7]);
        // In the order of the review.
        assert_eq!(show(Show::Suspects), [9, 3]);
        let cell = Some(("yes".to_owned(), "no".to_owned()));
        assert_eq!(rows(Filter { cell, ..Filter::default() }), [3]);
        assert!(rows(Filter { query: "word".to_owned(), ..Filter::default() }).is_empty());
    }

    #[test]
    fn outcomes() {
        let of = |outcome| rows(Filter { outcome: Some(outcome), ..Filter::default() });
        // Rows that the other run has not answered became of nothing.
        assert_eq!([Outcome::Fixed, Outcome::BothWrong, Outcome::Differs].map(of), [vec![7], vec![3], vec![7]]);
        assert!(of(Outcome::Broken).is_empty() && of(Outcome::BothRight).is_empty());
        assert_eq!(of(Outcome::Alike), [3]);
    }

    #[test]
    fn queries_are_words_or_a_pattern() {
        let matches = |query: &str, text: &str| Query::parse(query).map(|query| query.matches(text));
        assert_eq!(matches("Sea gull", "A GULL by the sea"), Ok(true));
        assert_eq!(matches("sea cat", "A GULL by the sea"), Ok(false));
        assert_eq!(matches("/^a.*sea$/", "A GULL by the sea"), Ok(true));
        assert_eq!(matches("/Gull", "A GULL by the sea"), Ok(false));
        assert!(matches("/(/", "").unwrap_err().contains("unclosed group"));
    }

    #[test]
    fn the_ready_filters_go_round() {
        let mut show = Show::All;
        let mut seen = Vec::new();
        for _ in 0..6 {
            show = show.next(true);
            seen.push(show.title());
        }
        assert_eq!(seen, ["misclassified", "unknown", "low margin", "marked", "disagreement", "all"]);
        assert_eq!(Show::Marked.next(false), Show::All);
    }

    #[test]
    fn probabilities_add_up() {
        let shares = probabilities(&[Some(-1000.0), Some(-1000.0)]).unwrap();
        assert_eq!(shares, [0.5, 0.5]);
        assert_eq!(probabilities(&[Some(0.0), None]), None);
        assert_eq!(probabilities(&[Some(f64::NEG_INFINITY)]), None);
        assert_eq!(probabilities(&[]), None);
    }
}
