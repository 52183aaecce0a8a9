use std::path::PathBuf;

use super::super::{ChatTemplate, Message};
use super::{chat, fixture, json, root};

/// Renders the `cases` that `make_fixtures.py` wrote, each with the template that `source` reads from the file of its name.
fn compare(cases: &str, source: impl Fn(&str) -> String) {
    for case in json(cases).as_array().unwrap() {
        let name = case["template"].as_str().unwrap();
        let token = |key: &str| case[key].as_str().map(str::to_owned);
        let template =
            ChatTemplate { source: source(name), bos_token: token("bos_token"), eos_token: token("eos_token") };
        let messages: Vec<Message> = case["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| Message {
                role: message["role"].as_str().unwrap().to_owned(),
                content: message["content"].as_str().unwrap().to_owned(),
            })
            .collect();
        let rendered = template.render(&messages, case["add_generation_prompt"].as_bool().unwrap());
        let place = format!("{name} {}", case["conversation"]);
        match case["text"].as_str() {
            Some(text) => assert_eq!(rendered.expect(&place), text, "{place}"),
            None => {
                let error = rendered.expect_err(&place).to_string();
                assert!(error.ends_with(case["error"].as_str().unwrap()), "{place}: {error}");
            }
        }
    }
}

#[test]
fn conversations_are_written_as_transformers_writes_them() {
    compare(&fixture("chat.json"), |name| fixture(&format!("chat/{name}")));
}

/// `tests/fixtures/prompt/make_fixtures.py` says how to check templates of your own.
#[test]
fn templates_of_your_own_are_rendered_as_transformers_renders_them() {
    let Some(folder) = std::env::var_os("SHOTGLASS_CHAT").map(PathBuf::from) else {
        println!("skipped: SHOTGLASS_CHAT names no folder");
        return;
    };
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    compare(&read("chat.json"), |name| match name {
        "tokenizer_config.json" => json(&read(name))["chat_template"].as_str().unwrap().to_owned(),
        _ => read(name),
    });
}

/// The template that SmolLM2-135M-Instruct comes with is in the reference file, not here.
#[test]
fn smollm2_turns_are_those_of_its_own_template() {
    let Ok(reference) = std::fs::read_to_string(root().join("../shared/reference/smollm2.json")) else {
        println!("skipped: ../shared is not there");
        return;
    };
    let reference = json(&reference);
    let template = ChatTemplate {
        source: reference["chat_template"].as_str().unwrap().to_owned(),
        bos_token: Some("<|im_start|>".to_owned()),
        eos_token: Some("<|im_end|>".to_owned()),
    };
    assert_eq!(
        template.render(&[Message::system("Be brief."), Message::user("Hi <there>\n")], true).unwrap(),
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi <there>\n<|im_end|>\n<|im_start|>assistant\n"
    );
    let text = template.render(&[Message::user("Hi"), Message::assistant("Ho")], false).unwrap();
    assert!(text.starts_with("<|im_start|>system\nYou are a helpful AI assistant named SmolLM"), "{text}");
    assert!(text.ends_with("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHo<|im_end|>\n"), "{text}");
}

#[test]
fn tokens_that_a_model_lacks_are_undefined() {
    let template =
        ChatTemplate { bos_token: None, eos_token: None, ..chat("{{ bos_token }}{{ eos_token is defined }}") };
    assert_eq!(template.render(&[], false).unwrap(), "False");
}

#[test]
fn dates_are_formatted_as_asked() {
    let year = chat("{{ strftime_now('%Y-%m-%d')[4] }}").render(&[], false).unwrap();
    assert_eq!(year, "-");
    let error = chat("a\n{{ strftime_now('%!') }}").render(&[], false).unwrap_err().to_string();
    assert!(error.starts_with("chat template, line 2, column 4: strftime_now: "), "{error}");
}

#[test]
fn broken_templates_name_their_place() {
    let error = chat("{% generation %}\n{% endfor %}").compile().unwrap_err().to_string();
    assert!(error.starts_with("chat template, line 2, column "), "{error}");
    let error = chat("\n{{ messages[0].content.nothing.more }}").render(&[Message::user("x")], true).unwrap_err();
    assert!(error.to_string().starts_with("chat template, line 2, column "), "{error}");
}
