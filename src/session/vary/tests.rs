use super::*;
use crate::session::Session;

fn prepared(folder: &std::path::Path, prompt: &str, sweep: &str) -> Prepared {
    let path = folder.join("rows.csv");
    let rows: String = (0..40).map(|row| format!("text {row},{}\n", row % 2)).collect();
    std::fs::write(&path, format!("text,label\n{rows}")).unwrap();
    let text = format!(
        "version = 1\n[data]\npath = {path:?}\nlabel = \"label\"\nlabels = {{ \"0\" = \"yes\", \"1\" = \"no\" }}\n\
         splits = {{ train = 0.5, validation = 0.3, test = 0.2 }}\n[prompt]\n{prompt}\n[sweep]\n{sweep}"
    );
    Prepared::new(Session::parse("a.toml", &text, &[]).unwrap(), &mut |_, _| true).unwrap()
}

const FEW: &str = "template = \"Say yes or no.\\n{{ demos }}\\nText: <{{ text }}>\\nAnswer:\"\nshots = 2";

fn all(prompt: &str, sweep: &str) -> (Vec<Variation>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let prepared = prepared(folder.path(), prompt, sweep);
    let spec = prepared.session.sweep.clone().unwrap_or_default();
    variations(&prepared, &spec).unwrap()
}

#[test]
fn each_kind_is_a_prompt_of_its_own() {
    let (found, notes) = all(FEW, "paraphrases = [\"Yes or no?\"]");
    let of = |kind: Kind| found.iter().filter(|of| of.kind == kind).collect::<Vec<_>>();
    assert_eq!(Kind::ALL.map(|kind| of(kind).len()), [1, 3, 3, 1, 1, 3]);
    assert!(notes.is_empty(), "{notes:?}");
    // Orders hold the same rows, each another order; draws hold others.
    let mut rows: Vec<Vec<usize>> = of(Kind::DemoOrder).iter().map(|of| of.prompt.pinned.clone()).collect();
    assert_eq!(rows.iter().collect::<HashSet<_>>().len(), 3);
    rows.iter_mut().for_each(|rows| rows.sort_unstable());
    rows.dedup();
    assert_eq!(rows.len(), 1);
    assert!(of(Kind::DemoDraw).iter().all(|of| of.prompt.pinned.len() == 4));
    let template = |kind: Kind| of(kind)[0].prompt.template.clone();
    assert!(template(Kind::LabelOrder).starts_with("Say no or yes.\n"));
    assert!(template(Kind::Paraphrase).starts_with("Yes or no?\n{{ demos }}"));
    let formats: Vec<&str> = of(Kind::Format).iter().map(|of| of.prompt.template.as_str()).collect();
    assert_eq!(
        formats,
        [
            "Say yes or no.\n{{ demos }}\nText : <{{ text }}>\nAnswer :",
            "Say yes or no.\n\n{{ demos }}\n\nText: <{{ text }}>\n\nAnswer:",
            "Say yes or no.\n{{ demos }}\nTEXT: <{{ text }}>\nANSWER:",
        ]
    );
    assert_eq!(of(Kind::Format)[2].prompt.demo, "TEXT: <{{ text }}>\nANSWER: {{ label }}");
    assert_eq!(of(Kind::Format)[1].prompt.separator, "\n\n");
}

#[test]
fn what_cannot_be_varied_is_said() {
    let (found, notes) = all("template = \"{{ text }}\"", "");
    assert_eq!(found.len(), 1);
    let notes = notes.join("\n");
    for told in
        ["labels nowhere", "no other wordings", "a blank before colons changes nothing", "capitals changes nothing"]
    {
        assert!(notes.contains(told), "{told}: {notes}");
    }
    let similar = "template = \"{{ demos }} {{ text }}\"\nshots = 1\ndemos = \"similar\"";
    assert!(all(similar, "").1.join("\n").contains("chosen for each row"));
}

#[test]
fn only_lists_of_all_labels_are_reordered() {
    let base = |template: &str| PromptSpec { template: template.to_owned(), ..all(FEW, "").0[0].prompt.clone() };
    let labels = ["support", "oppose", "no view"].map(str::to_owned);
    let with = |template: &str| with_labels_in(&base(template), &labels, &[2, 0, 1]).map(|(_, prompt)| prompt.template);
    assert_eq!(
        with("One of support, oppose, or no view: {{ text }}").unwrap(),
        "One of no view, support, or oppose: {{ text }}"
    );
    assert_eq!(with("{{ options }}? {{text}}").unwrap(), "no view, support, oppose? {{text}}");
    // Two of three are no list of them, a label alone means what it means, and tags are code.
    assert_eq!(with("support or oppose: {{ text }}"), None);
    assert_eq!(with("support if it is for it, oppose if not, else no view"), None);
    assert_eq!(with("{{ support or oppose or no view }}"), None);
    assert_eq!(with("supporters, opposed or no view"), None);
    assert_eq!(orders(2, 9, 1), [[1, 0]]);
    assert_eq!(orders(1, 3, 1).len() + orders(0, 3, 1).len(), 0);
    assert_eq!(orders(3, 9, 1).len(), 5);
}

#[test]
fn the_instruction_must_stand_in_the_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let error = |sweep: &str| {
        let prompt = "template = \"{{ text }} is it?\"";
        let path = folder.path().join("rows.csv");
        let text = format!("version = 1\n[data]\npath = {path:?}\n[prompt]\n{prompt}\n[sweep]\n{sweep}\n");
        Session::parse("a.toml", &text, &[]).unwrap_err().to_string()
    };
    let told = error("instruction = \"Is it?\"");
    assert!(told.starts_with("a.toml:7:15: `sweep.instruction` must stand in place"), "{told}");
    // The first line holds a variable, so it is not taken for the instruction.
    assert!(error("paraphrases = [\"x\"]").contains("`sweep.paraphrases` must stand in place"));
    assert!(error("formats = [\"bold\"]").contains("bold"));
    assert!(error("rows = 0").contains("`sweep.rows` must be at least 1"));
    assert!(error("orders = 1001").contains("must be 1000 at most"));
}
