//! What surveys ask of prompts: orders of the labels, values that are otherwise, demonstrations as turns, and the prompts
//! that the notebook printed of a respondent.

use indexmap::IndexMap;

use super::super::{DemoStrategy, DemosAs, OptionOrder, PromptSpec, Renderer, Variant};
use super::{Memory, chat, error, fixture, json, root, spec, weather};
use crate::data::{DataSpec, Dataset, LabelOrder, Split};

/// The parties and three orders in a row that Python's `random.seed(42)` and `random.sample` make of them.
fn parties() -> (Vec<String>, Vec<Vec<String>>) {
    let path = root().join("tests/fixtures/data/rng.json");
    let seeded = json(&std::fs::read_to_string(path).unwrap())["python_random_seed42"].clone();
    let list = |key: &str| seeded[key].clone();
    (serde_json::from_value(list("parties")).unwrap(), serde_json::from_value(list("three_sample12_in_a_row")).unwrap())
}

/// Seven rows; their splits are not in the order of the file, and row 6 is in none.
fn respondents() -> Memory {
    let (labels, _) = parties();
    let texts = (0..7).map(|row| format!("respondent {row}")).collect();
    Memory { labels, train: vec![4, 2, 0], validation: vec![1, 5, 3], texts, gold: vec![None; 7], ..Memory::default() }
}

fn options(order: OptionOrder) -> PromptSpec {
    PromptSpec { options: order, ..spec("{{ options }}") }
}

fn shuffle(shuffle: u32) -> Variant {
    Variant { shuffle, ..Variant::default() }
}

#[test]
fn orders_are_pythons_in_the_order_of_each_split() {
    let (_, orders) = parties();
    let rows = respondents();
    let renderer = Renderer::new(&options(OptionOrder::Python), &rows, None).unwrap();
    for split in [&rows.train, &rows.validation] {
        // The last is asked first: what a row is shown does not depend on which prompts were written before.
        for (row, order) in split.iter().zip(&orders).rev() {
            let prompt = renderer.prompt(*row).unwrap();
            assert_eq!((prompt.text, prompt.options.as_ref()), (order.join(", "), Some(order)), "row {row}");
        }
    }
    let other = PromptSpec { seed: 43, ..options(OptionOrder::Python) };
    let other = Renderer::new(&other, &rows, None).unwrap();
    assert_ne!(other.prompt(4).unwrap().options.as_ref(), Some(&orders[0]));
}

/// The orders are numpy's `RandomState(int.from_bytes(sha256(name).digest()[:4], "little")).permutation(12)`, the name being
/// that of the row and the shuffle.
#[test]
fn further_orders_differ_and_are_the_same_each_time() {
    let rows = respondents();
    let (labels, _) = parties();
    for order in [OptionOrder::Fixed, OptionOrder::Shuffled, OptionOrder::Python] {
        let renderer = Renderer::new(&options(order), &rows, None).unwrap();
        let shown = |row: usize, number: u32| renderer.variant(row, &shuffle(number)).unwrap().options.unwrap();
        for (row, number, places) in FURTHER {
            let expected: Vec<&String> = places.iter().map(|place| &labels[*place]).collect();
            assert_eq!(shown(row, number).iter().collect::<Vec<_>>(), expected, "{order:?} {row} {number}");
            assert_eq!(shown(row, number), shown(row, number));
        }
        assert_eq!(shown(4, 0), renderer.prompt(4).unwrap().options.unwrap());
        assert!(shown(4, 0) != shown(4, 1) && shown(4, 1) != shown(4, 2));
    }
    // Python draws nothing for a row in no split: it is shuffled by itself.
    let python = Renderer::new(&options(OptionOrder::Python), &rows, None).unwrap();
    let shuffled = Renderer::new(&options(OptionOrder::Shuffled), &rows, None).unwrap();
    assert_eq!(python.prompt(6).unwrap(), shuffled.prompt(6).unwrap());
    let expected: Vec<&String> = ROW_6.iter().map(|place| &labels[*place]).collect();
    assert_eq!(python.prompt(6).unwrap().options.unwrap().iter().collect::<Vec<_>>(), expected);
}

/// Row, number of the shuffle, places of the labels.
const FURTHER: [(usize, u32, [usize; 12]); 4] = [
    (6, 1, [0, 7, 11, 4, 8, 6, 2, 5, 1, 3, 10, 9]),
    (4, 1, [2, 9, 1, 11, 3, 5, 6, 0, 7, 8, 4, 10]),
    (4, 2, [3, 4, 8, 6, 1, 9, 2, 0, 5, 10, 7, 11]),
    (1, 1, [9, 10, 7, 1, 0, 4, 8, 11, 3, 2, 5, 6]),
];
const ROW_6: [usize; 12] = [8, 5, 10, 11, 9, 4, 7, 3, 0, 6, 2, 1];

#[test]
fn values_may_be_otherwise_than_the_rows() {
    let rows = weather();
    let template = "{{ text }} / {{ tweet }} in {{ place }}, {{ degrees }}: {{ options }}{{ demos }}";
    let renderer = Renderer::new(&spec(template), &rows, None).unwrap();
    let with = |values: &[(&str, &str)]| {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        renderer.variant(3, &Variant { shuffle: 0, values }).unwrap().text
    };
    let plain = "rain, cold rain / rain, cold rain in Trier, -4: fine, foul";
    assert_eq!(with(&[]), plain);
    assert_eq!(with(&[("place", "Rome"), ("degrees", "")]), plain.replace("Trier, -4", "Rome, "));
    assert_eq!(with(&[("text", "{{ place }}")]), plain.replacen("rain, cold rain", "{{ place }}", 1));
    // Neither what no column is called nor what the session makes itself can be said.
    assert_eq!(with(&[("nothing", "x"), ("options", "x"), ("demos", "x")]), plain);
    assert_eq!(renderer.prompt(3).unwrap().text, plain, "nothing of it stays");
}

#[test]
fn demonstrations_can_be_turns_before_the_rows() {
    let rows = weather();
    let mut spec = spec("{{ text }} in {{ place }}? {{ options }}");
    spec.demos = DemoStrategy::Pinned;
    spec.pinned = vec![3, 0];
    assert!(error(&spec).starts_with("prompt.template never uses {{ demos }}, so the 2 demonstrations"));
    spec.demos_as = DemosAs::Turns;
    spec.options = OptionOrder::Shuffled;
    spec.chat = true;
    spec.system = Some("Be brief.".to_owned());
    let renderer = Renderer::new(&spec, &rows, Some(chat(&fixture("chat/chatml.jinja")))).unwrap();
    let options = [3, 0, 6].map(|row| renderer.prompt(row).unwrap().options.unwrap().join(", "));
    assert_eq!(options, ["foul, fine", "fine, foul", "fine, foul"]);
    let prompt = renderer.prompt(6).unwrap();
    let expected = format!(
        "<|im_start|>system\nBe brief.<|im_end|>\n\
         <|im_start|>user\nrain, cold rain in Trier? {}<|im_end|>\n<|im_start|>assistant\nfoul<|im_end|>\n\
         <|im_start|>user\nsun and wind in Ulm? {}<|im_end|>\n<|im_start|>assistant\nfine<|im_end|>\n\
         <|im_start|>user\nthe sun is out in Gera? {}<|im_end|>\n<|im_start|>assistant\n",
        options[0], options[1], options[2]
    );
    assert_eq!(prompt.text, expected);
    assert_eq!((prompt.demos.as_slice(), prompt.options.unwrap().join(", ")), ([3, 0].as_slice(), options[2].clone()));
    let turns = renderer.turns(6).unwrap();
    assert_eq!(
        turns.iter().map(|turn| turn.role.as_str()).collect::<Vec<_>>(),
        ["system", "user", "assistant", "user", "assistant", "user"]
    );
    assert_eq!(&expected[turns[4].range.clone()], "fine");
    assert_eq!(renderer.demo_text(3).unwrap(), format!("rain, cold rain in Trier? {}\nfoul", options[0]));
    assert_eq!(renderer.demos_text(&renderer.prompt(6).unwrap()).unwrap(), "");

    // In a further order the demonstrations stay as they are.
    let other =
        (1..99).map(|number| renderer.variant(6, &shuffle(number)).unwrap().text).find(|text| *text != expected);
    let other = other.expect("one of many shuffles of two labels");
    let start = expected.len() - options[2].len() - "<|im_end|>\n<|im_start|>assistant\n".len();
    assert_eq!(other[..start], expected[..start]);
}

#[test]
fn turns_that_are_most_like_the_row_are_the_rows_own() {
    let rows = weather();
    let similar = PromptSpec {
        demos: DemoStrategy::Similar,
        shots: 1,
        demos_as: DemosAs::Turns,
        chat: true,
        ..spec("{{ text }}")
    };
    let renderer =
        Renderer::new(&similar, &rows, Some(chat("{% for m in messages %}[{{ m.content }}]{% endfor %}"))).unwrap();
    let shown = renderer.prompt(6).unwrap();
    let texts: Vec<String> = shown
        .demos
        .iter()
        .map(|row| format!("[{}][{}]", rows.texts[*row], rows.labels[rows.gold[*row].unwrap()]))
        .collect();
    assert_eq!((shown.demos.len(), shown.text), (2, format!("{}[the sun is out]", texts.concat())));
}

/// The notebook's respondent as the data of a bundled session has it, and that session's prompt section with the labels in
/// the order in which the notebook printed them.
fn published(session: &str, order: &str) -> (Dataset, PromptSpec) {
    let text = std::fs::read_to_string(root().join("sessions").join(session)).unwrap();
    let session: toml::Table = toml::from_str(&text).unwrap();
    let mut data: DataSpec = session["data"].clone().try_into().unwrap();
    let code = |word: &str| data.labels.iter().find(|(_, known)| *known == word).unwrap().0.clone();
    let listed: IndexMap<String, String> = order.split(", ").map(|word| (code(word), word.to_owned())).collect();
    assert_eq!(listed.len(), 12);
    data.labels = listed;
    data.label_order = LabelOrder::Listed;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("respondents.csv");
    std::fs::write(&path, "cntry,agea,gndr,eduyrs,region,prtvgde1,anweight\nDE,35,1,13,DE6,66.0,1.2\n").unwrap();
    let mut prompt: PromptSpec = session["prompt"].clone().try_into().unwrap();
    assert_eq!(prompt.options, OptionOrder::Shuffled);
    prompt.options = OptionOrder::Fixed;
    (Dataset::load(&data, &path).unwrap(), prompt)
}

#[test]
fn the_published_prompt_of_a_respondent_is_equal() {
    let (data, spec) = published(
        "simulate.toml",
        "CDU/CSU, Free Voters, Die PARTEI, Refusal, SPD, Don't know, The Greens, The Left, AFD, Other, FDP, Not applicable",
    );
    let renderer = Renderer::new(&spec, &data, None).unwrap();
    let prompt = renderer.prompt(data.split(Split::Validation)[0]).unwrap();
    assert_eq!(
        prompt.text,
        "It is the year 2023. Imagine a person: a 35 years old man with 13 years of education. This person lives in \
         Hamburg. Which party out of the following parties: CDU/CSU, Free Voters, Die PARTEI, Refusal, SPD, Don't know, The \
         Greens, The Left, AFD, Other, FDP, Not applicable did this person vote for in the last national election?\n\
         Answer: This person voted for"
    );
}

#[test]
fn the_published_chat_of_a_respondent_is_equal() {
    let (data, spec) = published(
        "simulate-chat.toml",
        "Free Voters, The Greens, AFD, Refusal, SPD, The Left, Not applicable, FDP, Die PARTEI, Other, CDU/CSU, Don't know",
    );
    // Where a system message is given Qwen2.5's template is this one.
    let renderer = Renderer::new(&spec, &data, Some(chat(&fixture("chat/chatml.jinja")))).unwrap();
    let prompt = renderer.prompt(data.split(Split::Validation)[0]).unwrap();
    assert_eq!(
        prompt.text,
        "<|im_start|>system\nYou are a helpful assistant in survey research. You excel at making educated predictions about \
         people's potential responses in a survey given some background information. You have a solid political science \
         background, with specialization in political behavior and voting. You pull together your expert knowledge in social \
         sciences to make the prediction.<|im_end|>\n<|im_start|>user\nIt is the year 2023. Imagine a person: a 35 years old \
         man with 13 years of education. This person lives in Hamburg. Which party out of the following parties: Free \
         Voters, The Greens, AFD, Refusal, SPD, The Left, Not applicable, FDP, Die PARTEI, Other, CDU/CSU, Don't know did \
         this person vote for in the last national election?<|im_end|>\n<|im_start|>assistant\n"
    );
}
