//! A simulation as text, for a terminal and for Markdown.

use std::fmt::Write as _;

use serde::Serialize;

use crate::metrics::distribution::{Comparison, Estimate};
use crate::text::printable;

use super::{Distance, Grouping, Individual, Simulation, Take};

/// A table: a heading, the names of its columns, and its rows.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// What it is about.
    pub heading: String,
    /// Names of the columns; the first is that of the rows' names.
    pub columns: Vec<String>,
    /// The cells.
    pub rows: Vec<Vec<String>>,
    /// What is to be said below it.
    pub notes: Vec<String>,
}

impl Simulation {
    /// The comparison of all respondents that says most: with weights where there are any, without the labels that say
    /// nothing where there are any.
    pub fn headline(&self) -> Option<&Distance> {
        self.overall.last()
    }

    /// One sentence: how the answers came about.
    pub fn method(&self) -> String {
        match self.answer {
            Take::Likely => "each respondent gives the most likely label".to_owned(),
            Take::Sampled => format!("each respondent gives one label drawn by its probability (seed {})", self.seed),
            Take::Expected => "each respondent counts for every label by its probability".to_owned(),
        }
    }

    /// All there is to tell, as tables.
    pub fn tables(&self) -> Vec<Table> {
        // What says most comes first.
        let mut tables: Vec<Table> = self.overall.iter().rev().map(shares).collect();
        tables.push(self.distances());
        tables.extend(self.by.iter().map(|grouping| groups(grouping, self.floor)));
        tables.extend(self.order_table());
        if !self.answers.is_empty() {
            tables.push(self.answer_table());
        }
        tables
    }

    fn distances(&self) -> Table {
        let columns = std::iter::once(String::new()).chain(self.overall.iter().map(variant)).collect();
        let row = |name: &str, cell: &dyn Fn(&Distance) -> String| {
            std::iter::once(name.to_owned()).chain(self.overall.iter().map(cell)).collect::<Vec<_>>()
        };
        let figure = |name: &str, pick: fn(&Comparison) -> Estimate| {
            row(name, &|distance| estimate(&pick(&distance.comparison)))
        };
        let own = |name: &str, pick: fn(&Individual) -> Option<f64>| {
            row(name, &|distance| optional(pick(&distance.individual)))
        };
        let rows = vec![
            row("respondents", &|distance| distance.comparison.rows.to_string()),
            row("effective number", &|distance| whole(distance.comparison.effective_rows)),
            figure("total variation", |of| of.total_variation),
            figure("Jensen-Shannon", |of| of.jensen_shannon),
            figure("Kullback-Leibler", |of| of.kullback_leibler),
            figure("variance ratio", |of| of.variance_ratio),
            figure("entropy, real", |of| of.entropy_real),
            figure("entropy, simulated", |of| of.entropy_simulated),
            own("accuracy", |of| of.accuracy),
            own("majority baseline", |of| of.majority_accuracy),
            own("macro-F1", |of| of.macro_f1),
            own("Cohen's kappa", |of| of.kappa),
        ];
        let missing = self.missing.iter().map(|label| printable(label)).collect::<Vec<_>>().join(", ");
        let mut notes = vec![
            format!(
                "distances: Jensen-Shannon in base 2; Kullback-Leibler in bits, with {} respondents added to each label",
                self.smoothing
            ),
            "variance ratio: that of the simulated answers over that of the real ones; entropy in bits".to_owned(),
            "accuracy, majority, macro-F1 and kappa count every respondent once".to_owned(),
        ];
        if !missing.is_empty() {
            notes.push(format!("labels that say nothing: {missing}"));
        }
        if self.resamples > 0 {
            let (resamples, seed) = (self.resamples, self.seed);
            notes.push(format!("95% intervals: bootstrap over respondents, {resamples} resamples, seed {seed}"));
        }
        Table { heading: "How far simulated answers are from real ones".to_owned(), columns, rows, notes }
    }

    fn order_table(&self) -> Option<Table> {
        let first = self.positions.first();
        let mut rows = Vec::new();
        if let Some(orders) = &self.orders {
            rows.push(vec![
                "respondents asked again".to_owned(),
                format!("{}, {} times", orders.rows, orders.shuffles),
            ]);
            rows.push(vec!["answer changes at least once".to_owned(), number(orders.changed)]);
            rows.push(vec!["answer changes with one more order".to_owned(), number(orders.changed_by_one)]);
        }
        rows.extend(first.map(|share| {
            let chance = 1.0 / self.positions.len() as f64;
            vec![
                "answer is the label listed first".to_owned(),
                format!("{} (by chance {})", number(*share), number(chance)),
            ]
        }));
        (!rows.is_empty()).then(|| Table {
            heading: "Order of the labels".to_owned(),
            columns: vec![String::new(), "share".to_owned()],
            rows,
            notes: Vec::new(),
        })
    }

    fn answer_table(&self) -> Table {
        /// How many of the answers a reader is told.
        const TOLD: usize = 10;
        let rows = self.answers.iter().take(TOLD);
        let rest = self.distinct_answers.saturating_sub(TOLD);
        Table {
            heading: "Most frequent answers as they were generated".to_owned(),
            columns: vec!["answer".to_owned(), "n".to_owned()],
            rows: rows.map(|count| vec![printable(&count.answer).into_owned(), count.rows.to_string()]).collect(),
            notes: if rest > 0 { vec![format!("and {rest} others")] } else { Vec::new() },
        }
    }
}

/// What respondents a comparison is about.
fn variant(distance: &Distance) -> String {
    let missing = if distance.without_missing { "without missing" } else { "all" };
    let weighted = if distance.weighted { ", weighted" } else { "" };
    format!("{missing}{weighted}")
}

fn shares(distance: &Distance) -> Table {
    let Comparison { real, simulated, answered, .. } = &distance.comparison;
    let rows = distance.labels.iter().zip(real.iter().zip(simulated)).map(|(label, (real, simulated))| {
        vec![printable(label).into_owned(), number(real.value), ends(real), number(simulated.value), ends(simulated)]
    });
    let mut notes = Vec::new();
    if *answered < 1.0 {
        notes.push(format!("{} of the simulated answers are one of these labels", number(*answered)));
    }
    Table {
        heading: format!("Shares of the labels: {}, n = {}", variant(distance), distance.comparison.rows),
        columns: ["", "real", "95% CI", "simulated", "95% CI"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
        notes,
    }
}

fn groups(grouping: &Grouping, floor: usize) -> Table {
    let about = grouping.groups.first().and_then(|group| group.distances.last()).map(variant).unwrap_or_default();
    let heading = format!("By {}: {about}", printable(&grouping.column));
    let columns = [
        "",
        "n",
        "TV",
        "95% CI",
        "JS",
        "KL",
        "var. ratio",
        "entropy",
        "simulated",
        "accuracy",
        "majority",
        "macro-F1",
        "kappa",
    ];
    let mut small = false;
    let rows = grouping.groups.iter().filter_map(|group| {
        let distance = group.distances.last()?;
        small |= group.small;
        let mark = if group.small { " *" } else { "" };
        let variation = &distance.comparison.total_variation;
        let mut cells = vec![
            format!("{}{mark}", printable(&group.value)),
            distance.comparison.rows.to_string(),
            number(variation.value),
            ends(variation),
        ];
        cells.extend(spread(&distance.comparison));
        cells.extend(own(&distance.individual));
        Some(cells)
    });
    let rows = rows.collect();
    let mut notes = Vec::new();
    if small {
        notes.push(format!("* fewer than {floor} respondents: too few to say anything"));
    }
    if let (Some(real), Some(simulated)) = (grouping.within_entropy_real, grouping.within_entropy_simulated) {
        let ratio = grouping.within_entropy_ratio.map_or(String::new(), |ratio| format!(", ratio {}", number(ratio)));
        notes.push(format!(
            "mean entropy within groups: real {}, simulated {}{ratio}",
            number(real),
            number(simulated)
        ));
    }
    Table { heading, columns: columns.map(str::to_owned).to_vec(), rows, notes }
}

fn spread(comparison: &Comparison) -> [String; 5] {
    [
        comparison.jensen_shannon,
        comparison.kullback_leibler,
        comparison.variance_ratio,
        comparison.entropy_real,
        comparison.entropy_simulated,
    ]
    .map(|estimate| number(estimate.value))
}

fn own(individual: &Individual) -> [String; 4] {
    let Individual { accuracy, majority_accuracy, macro_f1, kappa } = *individual;
    [accuracy, majority_accuracy, macro_f1, kappa].map(optional)
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), number)
}

/// Three digits; a dash where nothing is known.
pub fn number(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}") } else { "-".to_owned() }
}

fn whole(value: f64) -> String {
    if value.is_finite() { format!("{value:.1}") } else { "-".to_owned() }
}

/// A figure with its interval.
fn estimate(of: &Estimate) -> String {
    let ends = ends(of);
    if ends.is_empty() { number(of.value) } else { format!("{} ({ends})", number(of.value)) }
}

fn ends(estimate: &Estimate) -> String {
    let [low, high] = estimate.ci95;
    if low.is_finite() && high.is_finite() { format!("{low:.3} to {high:.3}") } else { String::new() }
}

/// The tables for a terminal.
pub fn plain(simulation: &Simulation) -> String {
    let mut text = String::new();
    for table in simulation.tables() {
        let lines = || std::iter::once(&table.columns).chain(&table.rows);
        let width = |column: usize| {
            lines().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
        let _ = writeln!(text, "\n{}", table.heading);
        for row in lines() {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        for note in table.notes {
            let _ = writeln!(text, "{note}");
        }
    }
    text
}
