use super::super::tfidf::TfIdf;
use super::super::{DemoStrategy, PromptSpec, Renderer};
use super::{Memory, error, fixture, json, numbers, spec, weather};

fn demos(strategy: DemoStrategy, shots: usize) -> PromptSpec {
    PromptSpec { demos: strategy, shots, ..spec("{{ demos }}{{ text }}") }
}

#[test]
fn random_draws_are_those_of_pandas() {
    let draws = json(&fixture("draws.json"));
    let labels: Vec<String> = serde_json::from_value(draws["labels"].clone()).unwrap();
    let train = numbers(&draws["train"]);
    let mut rows = Memory { labels: labels.clone(), train: train.clone(), ..Memory::default() };
    rows.texts = (0..50).map(|row| format!("text {row}")).collect();
    rows.gold = vec![None; 50];
    for (row, gold) in train.iter().zip(draws["gold"].as_array().unwrap()) {
        rows.gold[*row] = labels.iter().position(|label| Some(label.as_str()) == gold.as_str());
    }
    for case in draws["cases"].as_array().unwrap() {
        let mut spec = demos(DemoStrategy::Random, case["shots"].as_u64().unwrap() as usize);
        spec.seed = case["seed"].as_u64().unwrap() as u32;
        let renderer = Renderer::new(&spec, &rows, None).unwrap();
        assert_eq!(renderer.demos().unwrap(), numbers(&case["rows"]), "seed {} shots {}", spec.seed, spec.shots);
    }
}

#[test]
fn demonstrations_come_from_the_train_split_alone() {
    let mut rows = weather();
    rows.train = vec![0, 1];
    rows.validation = (2..7).collect();
    for strategy in [DemoStrategy::Random, DemoStrategy::Similar, DemoStrategy::Diverse] {
        let renderer = Renderer::new(&demos(strategy, 1), &rows, None).unwrap();
        for row in 2..7 {
            let mut shown = renderer.prompt(row).unwrap().demos;
            shown.sort_unstable();
            assert_eq!(shown, [0, 1], "{strategy:?}");
        }
        let error = Renderer::new(&demos(strategy, 2), &rows, None).err().unwrap().to_string();
        assert_eq!(error, "prompt.shots = 2, but the train split has only 1 rows of `fine`; ask for 1 at most");
    }
}

#[test]
fn pinned_rows_must_be_in_the_train_split() {
    let pinned = |pinned: &[usize]| PromptSpec { pinned: pinned.to_vec(), ..demos(DemoStrategy::Pinned, 1) };
    let end = "; demonstrations come from the train split alone";
    assert_eq!(error(&pinned(&[0, 6])), format!("prompt.pinned: row 6 is in the validation split{end}"));
    assert_eq!(error(&pinned(&[0, 1, 0])), format!("prompt.pinned: row 0 is listed twice{end}"));
    assert_eq!(error(&pinned(&[7])), "row 7 does not exist; the file has 7 rows, numbered from 0");
    assert!(error(&pinned(&[])).starts_with("prompt.demos = \"pinned\", but prompt.pinned lists no row"));
    let mut rows = weather();
    rows.train = vec![0, 1, 2];
    rows.gold[1] = None;
    let message = |list: &[usize]| Renderer::new(&pinned(list), &rows, None).err().unwrap().to_string();
    assert_eq!(message(&[4]), format!("prompt.pinned: row 4 is in no split (it was filtered out or not sampled){end}"));
    assert_eq!(message(&[1]), "row 1 has no gold label, so it cannot be a demonstration");
}

#[test]
fn shots_need_labels() {
    let mut rows = weather();
    rows.labels.clear();
    rows.gold = vec![None; 7];
    for strategy in [DemoStrategy::Random, DemoStrategy::Similar, DemoStrategy::Diverse] {
        let error = Renderer::new(&demos(strategy, 3), &rows, None).err().unwrap().to_string();
        assert!(error.starts_with("prompt.shots = 3 needs labelled rows"), "{error}");
    }
}

#[test]
fn similar_demonstrations_are_the_nearest_with_the_nearest_last() {
    let rows = Memory::new(&[
        ("green tea in a cup", "tea"),
        ("coffee in a green cup", "coffee"),
        ("black tea", "tea"),
        ("black coffee in a cup", "coffee"),
        ("tea tea tea", "tea"),
        ("green tea in a cup", "tea"),
        ("nothing alike", "coffee"),
        ("a green tea in a cup", "tea"),
    ]);
    let renderer = Renderer::new(&demos(DemoStrategy::Similar, 2), &rows, None).unwrap();
    assert_eq!(renderer.demos(), None);
    // Rows 0 and 5 have one text: one of them is shown. Row 4 is nearer than row 2 for its many "tea".
    assert_eq!(renderer.prompt(7).unwrap().demos, [4, 1, 3, 0]);
    // A training row is shown neither itself nor its twin.
    let own = renderer.prompt(5).unwrap().demos;
    assert!(!own.contains(&0) && !own.contains(&5), "{own:?}");
    assert_eq!(own.len(), 4);
    // With every text of a class used up, there are less.
    let renderer = Renderer::new(&demos(DemoStrategy::Similar, 3), &rows, None).unwrap();
    assert_eq!(renderer.prompt(0).unwrap().demos.len(), 5);
}

#[test]
fn diverse_demonstrations_are_far_from_each_other() {
    let rows = Memory::new(&[
        ("tea in a cup", "drink"),
        ("tea in a mug", "drink"),
        ("tea in a pot", "drink"),
        ("coffee beans ground", "drink"),
        ("apple pie warm", "food"),
        ("apple pie cold", "food"),
        ("bread", "food"),
        ("x", "food"),
    ]);
    let renderer = Renderer::new(&demos(DemoStrategy::Diverse, 2), &rows, None).unwrap();
    let mut shown = renderer.demos().unwrap().to_vec();
    assert_eq!(renderer.prompt(7).unwrap().demos, shown);
    shown.sort_unstable();
    // Whichever row each class starts from, only one of each likeness is there.
    assert_eq!(shown.iter().filter(|row| **row <= 2).count(), 1, "{shown:?}");
    assert_eq!(shown.iter().filter(|row| [4, 5].contains(*row)).count(), 1, "{shown:?}");
    let seeds: std::collections::BTreeSet<Vec<usize>> = (0..10)
        .map(|seed| PromptSpec { seed, ..demos(DemoStrategy::Diverse, 2) })
        .map(|spec| Renderer::new(&spec, &rows, None).unwrap().demos().unwrap().to_vec())
        .collect();
    assert!(seeds.len() > 1);
}

#[test]
fn similarities_are_those_of_scikit_learn() {
    let reference = json(&fixture("tfidf.json"));
    let documents: Vec<String> = serde_json::from_value(reference["documents"].clone()).unwrap();
    let queries: Vec<String> = serde_json::from_value(reference["queries"].clone()).unwrap();
    let expected: Vec<Vec<f64>> = serde_json::from_value(reference["similarities"].clone()).unwrap();
    let index = TfIdf::fit(&documents);
    for (query, expected) in queries.iter().zip(expected) {
        let similarities = index.similarities(query);
        assert_eq!(similarities.len(), expected.len());
        for (ours, theirs) in similarities.iter().zip(expected) {
            assert!((ours - theirs).abs() < 1e-12, "{query:?}: {ours} and {theirs}");
        }
    }
    assert!(TfIdf::fit::<&str>(&[]).similarities("tea").is_empty());
}
