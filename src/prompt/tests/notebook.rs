//! The prompts that the notebook printed, from the real data.

use std::collections::HashMap;

use serde_json::Value;

use super::super::{PromptSpec, Renderer};
use super::{Memory, json, numbers, root, spec};

const QUESTION: &str = "Does the author of the following text support or oppose the Women's March?";

/// The rows, and the notebook's prompts by file name; nothing where the reference is missing.
fn notebook() -> Option<(Memory, HashMap<&'static str, String>)> {
    let shared = root().join("../shared");
    let read = |path: &str| std::fs::read_to_string(shared.join(path)).ok();
    let Some(splits) = read("reference/splits.json") else {
        println!("skipped: ../shared is not there");
        return None;
    };
    let splits = json(&splits);
    let names = ["fewshot_val0.txt", "zeroshot_val97_batched.txt", "zeroshot_val97_single.txt"];
    let prompts = names.into_iter().map(|name| (name, read(&format!("reference/{name}")).expect(name))).collect();

    let mut rows = Memory {
        labels: vec!["support".to_owned(), "oppose".to_owned()],
        train: numbers(&splits["train"]),
        validation: numbers(&splits["val"]),
        ..Memory::default()
    };
    let links = regex::RegexBuilder::new(r"http\S+|www.\S+").case_insensitive(true).build().unwrap();
    let mut table = csv::Reader::from_path(shared.join("data/womens_march_tweets.csv")).expect("the tweets");
    for record in table.records() {
        let record = record.expect("a record");
        rows.texts.push(links.replace_all(&record[0], "").into_owned());
        rows.gold.push(["1", "0"].iter().position(|code| *code == &record[1]));
    }
    let cleaned = json(&read("reference/val_rows.json").expect("val_rows.json"));
    for row in cleaned.as_array().unwrap() {
        let text = row["cleaned"].as_str().unwrap();
        assert_eq!(rows.texts[row["row"].as_u64().unwrap() as usize], text);
    }
    assert_eq!(rows.validation.len(), cleaned.as_array().map_or(0, Vec::len));
    Some((rows, prompts))
}

#[test]
fn zero_shot_prompts_are_equal() {
    let Some((rows, prompts)) = notebook() else { return };
    for (name, blank) in [("zeroshot_val97_batched.txt", ""), ("zeroshot_val97_single.txt", " ")] {
        let template = format!("{QUESTION} Answer with: support or oppose.{blank}\nText: <{{{{ text }}}}>\nAnswer:");
        let renderer = Renderer::new(&spec(&template), &rows, None).unwrap();
        let prompt = renderer.prompt(rows.validation[97]).unwrap();
        assert_eq!(prompt.text, prompts[name], "{name}");
        assert!(prompt.demos.is_empty() && prompt.options.is_none());
    }
}

#[test]
fn the_few_shot_prompt_is_equal() {
    let Some((rows, prompts)) = notebook() else { return };
    let template =
        format!("{QUESTION}. Answer with: support or oppose.{{{{ demos }}}}\nText: <{{{{ text }}}}>\nAnswer:");
    let spec = PromptSpec { shots: 3, ..spec(&template) };
    let renderer = Renderer::new(&spec, &rows, None).unwrap();
    let prompt = renderer.prompt(rows.validation[0]).unwrap();
    assert_eq!(prompt.text, prompts["fewshot_val0.txt"]);
    let splits: Value = json(&std::fs::read_to_string(root().join("../shared/reference/splits.json")).unwrap());
    assert_eq!(prompt.demos, numbers(&splits["fewshot"]["shuffled_rows"]));
}
