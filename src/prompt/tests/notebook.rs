//! The prompts that the notebook printed, from the real data.

use super::super::{PromptSpec, Renderer};
use super::{json, numbers, root, spec};
use crate::data::{Dataset, Split};

const QUESTION: &str = "Does the author of the following text support or oppose the Women's March?";

const DATA: &str = r#"
    path = ""
    label = "stance"
    labels = { "1" = "support", "0" = "oppose" }
    clean = ["urls"]
    sample = 5000
"#;

/// The notebook's rows, or nothing where the reference is missing.
fn tweets() -> Option<Dataset> {
    let path = root().join("../shared/data/womens_march_tweets.csv");
    if !path.exists() {
        println!("skipped: ../shared is not there");
        return None;
    }
    let spec = toml::from_str(DATA).expect("a data section");
    Some(Dataset::load(&spec, &path).expect("the tweets"))
}

fn reference(name: &str) -> String {
    std::fs::read_to_string(root().join("../shared/reference").join(name)).expect(name)
}

#[test]
fn zero_shot_prompts_are_equal() {
    let Some(tweets) = tweets() else { return };
    for (name, blank) in [("zeroshot_val97_batched.txt", ""), ("zeroshot_val97_single.txt", " ")] {
        let template = format!("{QUESTION} Answer with: support or oppose.{blank}\nText: <{{{{ text }}}}>\nAnswer:");
        let renderer = Renderer::new(&spec(&template), &tweets, None).unwrap();
        let prompt = renderer.prompt(tweets.split(Split::Validation)[97]).unwrap();
        assert_eq!(prompt.text, reference(name), "{name}");
        assert!(prompt.demos.is_empty() && prompt.options.is_none());
    }
}

#[test]
fn the_few_shot_prompt_is_equal() {
    let Some(tweets) = tweets() else { return };
    let template =
        format!("{QUESTION}. Answer with: support or oppose.{{{{ demos }}}}\nText: <{{{{ text }}}}>\nAnswer:");
    let spec = PromptSpec { shots: 3, ..spec(&template) };
    let renderer = Renderer::new(&spec, &tweets, None).unwrap();
    let prompt = renderer.prompt(tweets.split(Split::Validation)[0]).unwrap();
    assert_eq!(prompt.text, reference("fewshot_val0.txt"));
    assert_eq!(prompt.demos, numbers(&json(&reference("splits.json"))["fewshot"]["shuffled_rows"]));
}

#[test]
fn every_validation_row_has_its_cleaned_text_in_its_prompt() {
    let Some(tweets) = tweets() else { return };
    let renderer = Renderer::new(&spec("{{ text }}"), &tweets, None).unwrap();
    let rows = json(&reference("val_rows.json"));
    for row in rows.as_array().unwrap() {
        let prompt = renderer.prompt(row["row"].as_u64().unwrap() as usize).unwrap();
        assert_eq!(Some(prompt.text.as_str()), row["cleaned"].as_str());
    }
}
