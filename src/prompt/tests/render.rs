use super::super::{OptionOrder, PromptSpec, Renderer};
use super::{Memory, chat, error, fixture, json, numbers, prompt, spec, weather};
use crate::data::{Dataset, Split};

#[test]
fn text_reaches_the_prompt_byte_for_byte() {
    let template = "\n {{ text }}\r\n\t{{ tweet }}-{{ place }}-{{ degrees }}\n\n";
    let rows = weather();
    assert_eq!(prompt(&spec(template), &rows, 3).unwrap(), "\n rain, cold rain\r\n\train, cold rain-Trier--4\n\n");
    assert_eq!(prompt(&spec(template), &rows, 4).unwrap(), "\n the sun is out\r\n\tthe sun is out-Jena- 5\n\n");
    assert_eq!(prompt(&spec("{{ degrees }}"), &rows, 0).unwrap(), "1.0");
}

#[test]
fn data_is_never_read_as_a_template() {
    let nasty = "{{ 7*7 }} {% for x in y %} {# no #} <b>&'\"\\n \u{1b}[31m\u{0} {{ demos }}\r\n";
    let rows = Memory::new(&[(nasty, "a"), (nasty, "b"), (nasty, "a")]).with("{{ column }}", &["x", "y", "z"]);
    let mut spec = spec("{{ demos }}|{{ text }}|{{ tweet }}");
    spec.shots = 1;
    spec.demo = "{{ text }}={{ label }}".to_owned();
    let text = prompt(&spec, &rows, 2).unwrap();
    assert_eq!(text.matches(nasty).count(), 4);
    assert_eq!(text.len(), 4 * nasty.len() + "=a\n=b||".len());
    spec.chat = true;
    let template = chat("{{ messages[0].content }}");
    assert_eq!(Renderer::new(&spec, &rows, Some(template)).unwrap().prompt(2).unwrap().text, text);
}

#[test]
fn demonstrations_are_joined_by_the_separator() {
    let rows = weather();
    let mut spec = spec("Weather?{{ demos }}\n{{ text }}:");
    spec.demo = "{{ text }} in {{ place }}: {{ label }}".to_owned();
    spec.separator = "\n--\n".to_owned();
    assert_eq!(prompt(&spec, &rows, 6).unwrap(), "Weather?\nthe sun is out:");
    spec.demos = super::super::DemoStrategy::Pinned;
    spec.pinned = vec![3, 0];
    let renderer = Renderer::new(&spec, &rows, None).unwrap();
    let prompt = renderer.prompt(6).unwrap();
    assert_eq!(prompt.text, "Weather?rain, cold rain in Trier: foul\n--\nsun and wind in Ulm: fine\nthe sun is out:");
    assert_eq!(prompt.demos, [3, 0]);
    assert_eq!(prompt.options, None);
    assert_eq!(renderer.demos(), Some([3, 0].as_slice()));
    assert_eq!(renderer.demo_text(5).unwrap(), "storm and hail in Halle: foul");
    assert!(renderer.demo_text(7).unwrap_err().to_string().starts_with("row 7 does not exist; the file has 7 rows"));
}

#[test]
fn options_are_fixed_or_shuffled_by_seed_and_row() {
    let draws = json(&fixture("draws.json"));
    let rows = Memory::new(&[("1", "yes"), ("2", "no"), ("3", "perhaps"), ("4", "yes"), ("5", "yes")]);
    let mut spec = spec("{{ options }}");
    let fixed = Renderer::new(&spec, &rows, None).unwrap();
    assert!(fixed.uses_options());
    assert_eq!(fixed.prompt(1).unwrap().text, "yes, no, perhaps");
    spec.options = OptionOrder::Shuffled;
    let shuffled = Renderer::new(&spec, &rows, None).unwrap();
    for (row, expected) in draws["options_42"].as_array().unwrap().iter().enumerate() {
        let expected: Vec<&str> = expected.as_array().unwrap().iter().filter_map(|word| word.as_str()).collect();
        let prompt = shuffled.prompt(row).unwrap();
        assert_eq!(prompt.text, expected.join(", "));
        assert_eq!(prompt.options.unwrap(), expected);
    }
    let orders = |seed| {
        let renderer = Renderer::new(&PromptSpec { seed, ..spec.clone() }, &rows, None).unwrap();
        (0..5).map(|row| renderer.prompt(row).unwrap().text).collect::<Vec<_>>()
    };
    assert_ne!(orders(1), orders(2));
    assert!(!Renderer::new(&super::spec("{{ text }}"), &rows, None).unwrap().uses_options());
    assert_eq!(numbers(&draws["train"]).len(), 40);
}

#[test]
fn duplicates_are_the_rows_whose_demonstrations_hold_their_text() {
    let rows = weather();
    let mut spec = spec("{{ demos }}{{ text }}");
    spec.demos = super::super::DemoStrategy::Pinned;
    spec.pinned = vec![4, 1];
    let renderer = Renderer::new(&spec, &rows, None).unwrap();
    assert_eq!(renderer.duplicates(&[0, 6, 1, 99]), [6, 1]);
    spec.demos = super::super::DemoStrategy::Similar;
    spec.shots = 1;
    assert!(Renderer::new(&spec, &rows, None).unwrap().duplicates(&[6]).is_empty());
}

#[test]
fn unknown_variables_are_found_when_compiling() {
    assert_eq!(
        error(&spec("Weather?\nText: {{ txt }}")),
        "prompt.template, line 2, column 10: unknown variable `txt`; did you mean `text`?"
    );
    // Neither attributes, keyword arguments and strings of the same name nor parts that are never rendered mislead it.
    assert_eq!(
        error(&spec("{{ text.plce }}{{ text|default(plce='x') }}plce{% if false %}é{{ plce }}{% endif %}")),
        "prompt.template, line 1, column 66: unknown variable `plce`; did you mean `place`?"
    );
    assert_eq!(
        error(&spec("{{ gold_answer }}")),
        "prompt.template, line 1, column 4: unknown variable `gold_answer`; known are `text`, `demos`, `options`, \
         `tweet`, `place`, `degrees`"
    );
    let mut demo = spec("{{ text }}");
    demo.demo = "{{ text }}: {{ labl }}".to_owned();
    assert_eq!(error(&demo), "prompt.demo, line 1, column 16: unknown variable `labl`; did you mean `label`?");
    demo.demo = "{{ demos }}".to_owned();
    assert!(
        error(&demo).starts_with("prompt.demo, line 1, column 4: unknown variable `demos`; known are `text`, `label`")
    );
    assert!(error(&spec("{{ label }}")).contains("unknown variable `label`"));
    assert!(error(&spec("{{ undefined_function(1) }}")).contains("unknown variable `undefined_function`"));
}

#[test]
fn variables_that_a_template_sets_itself_are_known() {
    let template = "{% set n = text|length %}{% for c in text.split(' ') if c|length < n %}{{ c }}.{% endfor %}\
                    {% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(a=range(3)|join('')) }}{{ namespace(x=1).x }}";
    assert_eq!(prompt(&spec(template), &weather(), 6).unwrap(), "the.sun.is.out.<012>1");
}

#[test]
fn undefined_values_are_errors_where_they_are_used() {
    let message = error(&spec("a\n{{ text.nothing }}"));
    assert!(message.starts_with("prompt.template, line 2, column 4: "), "{message}");
    let message = error(&spec("{% if degrees == 'x' %}{% set warm = 1 %}{% endif %}\n\n  {{ warm }}"));
    assert!(message.starts_with("prompt.template, line 3, column 6: ") || message.contains("warm"), "{message}");
}

#[test]
fn broken_templates_are_one_line_with_a_place() {
    for (template, start) in [
        ("{{ text", "prompt.template, line 1, column "),
        ("a\nb {% for %}", "prompt.template, line 2, column "),
        ("{% if text %}", "prompt.template, line 1, column "),
        ("{{ text|shout }}", "prompt.template, line 1, column "),
        ("\n\n{{ text + 1 }}", "prompt.template, line 3, column 4: "),
        ("{% include 'other' %}", "prompt.template, line 1, column "),
        ("{{ 'a\nb' }} {{ \"\u{1b}[31m\"|nope }}", "prompt.template, line 2, column "),
    ] {
        let message = error(&spec(template));
        assert!(message.starts_with(start), "{template:?}: {message}");
    }
}

#[test]
fn bad_sections_are_refused() {
    assert!(error(&spec(" \n\t")).starts_with("prompt.template is empty"));
    let few = PromptSpec { shots: 1, ..spec("{{ text }}") };
    assert!(error(&few).starts_with("prompt.template never uses {{ demos }}, so the 2 demonstrations"));
    let demo = PromptSpec { demo: String::new(), ..spec("{{ text }}") };
    assert!(error(&demo).starts_with("prompt.demo is empty"));
    let chat = PromptSpec { chat: true, ..spec("{{ text }}") };
    assert!(error(&chat).starts_with("prompt.chat = true, but the model has no chat template; take an instruct model"));
    let rows = weather();
    let renderer = Renderer::new(&spec("{{ text }}"), &rows, None).unwrap();
    assert_eq!(
        renderer.prompt(7).unwrap_err().to_string(),
        "row 7 does not exist; the file has 7 rows, numbered from 0"
    );
}

#[test]
fn chat_sends_the_template_as_one_user_turn() {
    let rows = weather();
    let mut spec = PromptSpec { chat: true, ..spec("Weather? {{ text }}\n") };
    let template = chat("{{ bos_token }}{% for m in messages %}[{{ m.role }}:{{ m.content }}]{% endfor %}>");
    let text = |spec: &PromptSpec| Renderer::new(spec, &rows, Some(template.clone())).unwrap().prompt(6).unwrap().text;
    assert_eq!(text(&spec), "<s>[user:Weather? the sun is out\n]>");
    spec.system = Some("Be {{ brief }}.".to_owned());
    assert_eq!(text(&spec), "<s>[system:Be {{ brief }}.][user:Weather? the sun is out\n]>");
    spec.chat = false;
    assert_eq!(text(&spec), "Weather? the sun is out\n");
}

#[test]
fn a_dataset_is_rendered_by_its_own_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("votes.csv");
    let lines: String = (0..20).map(|row| format!("\"said, {row} http://x.y/z\",{},0{row}\n", row % 2 + 1)).collect();
    std::fs::write(&path, format!("statement,party,age\n{lines}")).unwrap();
    let data = r#"
        path = ""
        text = "statement"
        label = "party"
        labels = { "2" = "green", "1" = "blue" }
        clean = ["urls"]
    "#;
    let data = Dataset::load(&toml::from_str(data).unwrap(), &path).unwrap();
    let mut spec = spec("{{ options }}|{{ demos }}|{{ statement }}|{{ text }}|{{ age }}");
    spec.shots = 1;
    spec.demo = "{{ label }}={{ party }}".to_owned();
    let renderer = Renderer::new(&spec, &data, None).unwrap();
    let row = data.split(Split::Validation)[0];
    let prompt = renderer.prompt(row).unwrap();
    let demos = if prompt.text.contains("|green=") { "green=green\nblue=blue" } else { "blue=blue\ngreen=green" };
    assert_eq!(prompt.text, format!("green, blue|{demos}|said, {row} |said, {row} |0{row}"));
    assert!(prompt.demos.iter().all(|demo| data.split(Split::Train).contains(demo)));
}
