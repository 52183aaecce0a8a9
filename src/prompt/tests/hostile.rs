//! Templates that mean harm end in an error of one line.

use super::super::{Message, PromptSpec, Renderer};
use super::{chat, error, prompt, spec, weather};

/// The error of `source`, first as a session template, then as a chat template.
fn refused(source: &str) -> String {
    let session = error(&spec(source));
    let model = chat(source).render(&[Message::user("x")], true);
    let model = model.expect_err(source).to_string();
    assert!(session.starts_with("prompt.template") && model.starts_with("chat template"), "{session}\n{model}");
    assert!(!model.contains(char::is_control), "{model:?}");
    session
}

#[test]
fn endless_loops_run_out_of_fuel() {
    let loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}";
    for source in [
        loops,
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% set y = 'abc'.upper() %}{% endfor %}{% endfor %}",
    ] {
        assert!(refused(source).contains("the template does too much"), "{source}");
    }
}

#[test]
fn recursion_is_bounded() {
    let message = refused("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}");
    assert!(message.contains("recursion"), "{message}");
    refused(&format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000)));
    refused(&format!("{{{{ {}1{} }}}}", "[".repeat(5000), "]".repeat(5000)));
    refused(&"{% if true %}".repeat(3000));
    let deep = format!("{{{{ {}true }}}}", "not ".repeat(19_000));
    assert!(["True", "False"].contains(&prompt(&spec(&deep), &weather(), 0).unwrap().as_str()));
    assert_eq!(prompt(&spec(&format!("{{{{ 1{} }}}}", "+1".repeat(9_900))), &weather(), 0).unwrap(), "9901");
    assert!(refused(&format!("{{{{ {}1 }}}}", "-".repeat(50_000))).contains("tokens of code"));
}

#[test]
fn deeply_nested_values_do_not_overflow_the_stack() {
    let nest = "{% set ns = namespace(x=0) %}{% for i in range(60000) %}{% set ns.x = [ns.x] %}{% endfor %}";
    // Out of fuel, with a value nested as deeply as all the fuel could pay for.
    refused(nest);
    let nest = nest.replace("60000", "40000");
    assert_eq!(prompt(&spec(&format!("{nest}done")), &weather(), 0).unwrap(), "done");
    for use_it in [
        "{{ ns.x }}",
        "{{ ns.x|string|length }}",
        "{{ ns.x ~ '' }}",
        "{{ ns.x == [[ns.x]] }}",
        "{{ ns.x|tojson|length }}",
    ] {
        // Whether there is an error or not: the program lives on.
        let _ = prompt(&spec(&format!("{nest}{use_it}")), &weather(), 0);
    }
}

#[test]
fn gigabyte_strings_are_never_made() {
    for source in [
        "{{ 'x' * 9999999999 }}",
        "{% set x = 'x' * 30000000 %}{{ x * 30000000 }}",
        "{{ 'x'.join(range(99999)|list * 99999) }}",
        "{{ (range(99999)|list * 99999)|join('xxxxxxxx') }}",
        "{% set x = 'x' * 1000000 %}{{ x.replace('', x) }}",
        "{% set x = 'x' * 1000000 %}{{ x|replace('x', x) }}",
        "{% set x = 'x' * 1000000 %}{% for i in range(9999) %}{{ x }}{% endfor %}",
        "{% set x = 'x' * 1000000 %}{% for i in range(9999) %}{% set y = x ~ x ~ i %}{% endfor %}",
        "{% set x = 'x' * 20000000 %}{{ x.split('') }}",
        "{{ [1] * 999999999999 }}",
        "{% set y %}{{ [1] * 999999999999 }}{% endset %}",
        "{{ ([1] * 999999999999)|string }}",
        "{{ ([1] * 999999999999)|tojson }}",
        "{{ ([1] * 999999999999)|tojson(indent=99, sort_keys=true) }}",
        "{{ '%9999999999d'|format(1) }}",
        "{{ '{:9999999999}'.format(1) }}",
        "{{ ('x' * 1000000)|indent(1000000) }}{{ 'x\n' * 1000000 | indent(100000) }}",
    ] {
        refused(source);
    }
}

#[test]
fn lists_that_share_their_items_are_bounded() {
    let double = "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}";
    for use_it in ["{{ ns.x }}", "{{ ns.x|string }}", "{{ ns.x|tojson }}", "{% set y %}{{ ns.x }}{% endset %}"] {
        refused(&format!("{double}{use_it}"));
    }
    // Nothing pays for comparisons, but for the time they take.
    let other = double.replace("ns", "other");
    let compared = format!("{double}{other}{{{{ ns.x == other.x }}}}");
    assert_eq!(error(&spec(&compared)), "prompt.template: the template takes longer than 0.9 s");
    let message = chat(&compared).render(&[Message::user("x")], true).unwrap_err().to_string();
    assert_eq!(message, "chat template: the template takes longer than 0.9 s");
}

#[test]
fn demonstrations_are_bounded_as_prompts_are() {
    let mut spec = spec("{{ demos }}{{ text }}");
    spec.shots = 1;
    for (source, word) in [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "does too much"),
        ("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "recursion"),
        ("{{ label * 999999999 }}", "does too much"),
    ] {
        spec.demo = source.to_owned();
        let message = error(&spec);
        assert!(message.starts_with("prompt.demo") && message.contains(word), "{source}: {message}");
    }
}

#[test]
fn variables_that_are_missing_end_in_an_error_where_something_is_asked_of_them() {
    let render = |source: &str| chat(source).render(&[Message::user("x")], true).map_err(|error| error.to_string());
    // By itself it is nothing, as jinja2 has it: models' templates count on that.
    assert_eq!(render("<{{ missing }}{% if missing %}x{% endif %}{% for x in missing %}x{% endfor %}>").unwrap(), "<>");
    for source in
        ["\n {{ missing.field }}", "\n {{ missing() }}", "\n {{ messages[9].content.more }}", "\n {{ x|missing }}"]
    {
        let message = render(source).unwrap_err();
        assert!(message.starts_with("chat template, line 2, column "), "{source:?}: {message}");
        assert!(!message.contains(char::is_control), "{message:?}");
        assert!(error(&spec(source)).starts_with("prompt.template, line 2, column "), "{source:?}");
    }
}

#[test]
fn what_a_template_says_cannot_reach_the_terminal_raw() {
    let spec = PromptSpec { chat: true, ..spec("{{ text }}") };
    let template = chat("{{ raise_exception('no \u{1b}]0;title\u{7}\n' ~ messages[0].content * 999) }}");
    let rows = weather();
    let message = Renderer::new(&spec, &rows, Some(template)).err().unwrap().to_string();
    assert!(message.starts_with("chat template, line "), "{message}");
    assert!(message.contains("the model's template refuses: no \\u{1b}]0;title\\u{7}\\n"), "{message}");
    assert!(!message.contains(char::is_control) && message.len() < 500, "{message}");
}

#[test]
fn the_world_is_out_of_reach() {
    for source in [
        "{% include '/etc/passwd' %}",
        "{% import 'x' as y %}",
        "{% extends 'x' %}",
        "{{ debug() }}",
        "{{ ''.__class__.__mro__ }}",
    ] {
        let message = chat(source).render(&[Message::user("x")], true);
        assert!(message.is_err(), "{source}: {message:?}");
    }
}
