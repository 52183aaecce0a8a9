//! What the parts of a template are, for colouring it while it is typed.
//!
//! Jinja as minijinja reads it, delimiters, whitespace signs, brackets, strings and raw blocks included: what is code
//! here is code there. Whether code makes sense is left to the compiler (`prompt::template`); here anything goes, since
//! half of what is being typed is wrong.

use std::ops::Range;

/// What a part of a template is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Text that the model sees; within tags blanks, operators and what means nothing.
    Text,
    /// `{{`, `}}`, `{%`, `%}`, `{#` or `#}`, with the `-` or `+` that belongs to it.
    Delimiter,
    /// The name of a variable, an attribute, a function or an argument.
    Variable,
    /// `if`, `for`, `endfor`, `in`, `not` and the like.
    Keyword,
    /// The name of a filter, after `|`, or of a test, after `is`.
    Filter,
    /// A string, a number, `true`, `false` or `none`.
    Literal,
    /// What stands in a comment.
    Comment,
    /// A tag, comment or raw block that never ends, from its opening on, and so all that follows.
    Unclosed,
}

/// Statements with an end.
const BLOCKS: [&str; 10] = ["for", "if", "set", "with", "filter", "autoescape", "macro", "call", "block", "raw"];
const STATEMENTS: [&str; 9] = ["elif", "else", "do", "break", "continue", "extends", "include", "import", "from"];
const OPERATORS: [&str; 6] = ["and", "or", "not", "in", "if", "else"];
const CONSTANTS: [&str; 6] = ["true", "True", "false", "False", "none", "None"];

/// The parts of `text` in order. They cover all of it, none is empty, and no two texts touch.
pub fn spans(text: &str) -> Vec<(Range<usize>, Kind)> {
    let mut lexer = Lexer { text, at: 0, spans: Vec::new() };
    while let Some(opening) = lexer.find_opening() {
        lexer.push(opening, Kind::Text);
        let before = lexer.spans.len();
        if lexer.tag().is_none() {
            lexer.spans.truncate(before);
            lexer.at = opening;
            lexer.push(text.len(), Kind::Unclosed);
        }
    }
    lexer.push(text.len(), Kind::Text);
    lexer.spans
}

struct Lexer<'a> {
    text: &'a str,
    /// All before is in `spans`.
    at: usize,
    spans: Vec<(Range<usize>, Kind)>,
}

impl<'a> Lexer<'a> {
    /// The next part goes to `end`.
    fn push(&mut self, end: usize, kind: Kind) {
        if end <= self.at {
            return;
        }
        match self.spans.last_mut() {
            Some((range, Kind::Text)) if kind == Kind::Text => range.end = end,
            _ => self.spans.push((self.at..end, kind)),
        }
        self.at = end;
    }

    fn rest_from(&self, at: usize) -> &'a str {
        self.text.get(at..).unwrap_or_default()
    }

    fn rest(&self) -> &'a str {
        self.rest_from(self.at)
    }

    fn find_opening(&self) -> Option<usize> {
        let rest = self.rest();
        let is_opening = |at: &usize| rest.get(at + 1..).is_some_and(|after| after.starts_with(['{', '%', '#']));
        rest.match_indices('{').map(|(at, _)| at).find(is_opening).map(|at| self.at + at)
    }

    /// A tag or a comment that opens here, or none if it is not closed.
    fn tag(&mut self) -> Option<()> {
        let opening = self.rest().get(..2)?;
        let inside = self.at + 2 + sign(self.rest_from(self.at + 2));
        if opening == "{#" {
            return self.comment(inside);
        }
        if opening == "{%"
            && let Some(raw) = plain_tag(self.rest_from(inside), "raw")
        {
            self.plain_tag(inside, raw);
            return self.raw();
        }
        self.push(inside, Kind::Delimiter);
        self.code(opening == "{%")
    }

    fn comment(&mut self, inside: usize) -> Option<()> {
        let end = inside + self.rest_from(inside).find("#}")?;
        let signed = self.text.get(inside..end)?.ends_with(['-', '+']);
        self.push(inside, Kind::Delimiter);
        self.push(end - usize::from(signed), Kind::Comment);
        self.push(end + 2, Kind::Delimiter);
        Some(())
    }

    /// The text of a raw block and the tag that ends it.
    fn raw(&mut self) -> Option<()> {
        for (opening, _) in self.rest().match_indices("{%") {
            let opening = self.at + opening;
            let inside = opening + 2 + sign(self.rest_from(opening + 2));
            if let Some(endraw) = plain_tag(self.rest_from(inside), "endraw") {
                self.push(opening, Kind::Text);
                self.plain_tag(inside, endraw);
                return Some(());
            }
        }
        None
    }

    /// A tag that is only a word: what opens it goes to `inside`, and from there on [`plain_tag`] gave where the word
    /// begins and ends and what ends the tag.
    fn plain_tag(&mut self, inside: usize, [word, word_end, close, end]: [usize; 4]) {
        self.push(inside, Kind::Delimiter);
        self.push(inside + word, Kind::Text);
        self.push(inside + word_end, Kind::Keyword);
        self.push(inside + close, Kind::Text);
        self.push(inside + end, Kind::Delimiter);
    }

    /// What is in `{{ }}`, or in `{% %}` if that `is_block`, and what closes it.
    fn code(&mut self, is_block: bool) -> Option<()> {
        let close = if is_block { "%}" } else { "}}" };
        let mut depth = 0_isize;
        let mut names = Names { statement: None, last: if is_block { Last::Opening } else { Last::Other } };
        loop {
            let rest = self.rest();
            let c = rest.chars().next()?;
            let signed = sign(rest);
            if depth == 0 && rest.get(signed..).is_some_and(|rest| rest.starts_with(close)) {
                self.push(self.at + signed + close.len(), Kind::Delimiter);
                return Some(());
            }
            match c {
                '\'' | '"' => {
                    self.push(self.at + string_length(rest, c)?, Kind::Literal);
                    names.last = Last::Other;
                }
                '0'..='9' => {
                    let is_index = self.text.get(..self.at).is_some_and(|before| before.ends_with('.'));
                    self.push(self.at + number_length(rest, is_index), Kind::Literal);
                    names.last = Last::Name(Kind::Variable);
                }
                '_' => self.name(rest, &mut names),
                c if c.is_alphabetic() => self.name(rest, &mut names),
                c => {
                    match c {
                        '(' | '[' | '{' => depth += 1,
                        ')' | ']' | '}' => depth -= 1,
                        _ => {}
                    }
                    names.pass(c);
                    self.push(self.at + c.len_utf8(), Kind::Text);
                }
            }
        }
    }

    fn name(&mut self, rest: &'a str, names: &mut Names<'a>) {
        let length = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
        let kind = names.kind(rest.get(..length).unwrap_or_default());
        self.push(self.at + length, kind);
    }
}

/// What stood before, as far as it decides what a name is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// `{%`: a statement follows.
    Opening,
    /// The statement.
    Statement,
    Pipe,
    Is,
    Name(Kind),
    /// A dot after such a name.
    Dot(Kind),
    Other,
}

struct Names<'a> {
    statement: Option<&'a str>,
    last: Last,
}

impl<'a> Names<'a> {
    /// Notes a character that belongs to no name, number or string.
    fn pass(&mut self, c: char) {
        self.last = match (c, self.last) {
            (c, last) if c.is_ascii_whitespace() => last,
            ('|', _) => Last::Pipe,
            ('.', Last::Name(Kind::Filter)) => Last::Dot(Kind::Filter),
            ('.', _) => Last::Dot(Kind::Variable),
            _ => Last::Other,
        };
    }

    fn kind(&mut self, name: &'a str) -> Kind {
        let (kind, last) = match self.last {
            Last::Opening => {
                self.statement = Some(name);
                (if is_statement(name) { Kind::Keyword } else { Kind::Text }, Last::Statement)
            }
            Last::Is if name == "not" => (Kind::Keyword, Last::Is),
            Last::Pipe | Last::Is => (Kind::Filter, Last::Name(Kind::Filter)),
            Last::Statement if self.statement == Some("filter") => (Kind::Filter, Last::Name(Kind::Filter)),
            Last::Dot(kind) => (kind, Last::Name(kind)),
            _ if name == "is" => (Kind::Keyword, Last::Is),
            _ if OPERATORS.contains(&name) || self.is_clause(name) => (Kind::Keyword, Last::Other),
            _ if CONSTANTS.contains(&name) => (Kind::Literal, Last::Name(Kind::Variable)),
            _ => (Kind::Variable, Last::Name(Kind::Variable)),
        };
        self.last = last;
        kind
    }

    /// Words that mean something in some statements only.
    fn is_clause(&self, name: &str) -> bool {
        match self.statement {
            Some("for") => name == "recursive",
            Some("block") => matches!(name, "scoped" | "required"),
            Some("import" | "from" | "include") => {
                matches!(name, "import" | "as" | "with" | "without" | "context" | "ignore" | "missing")
            }
            _ => false,
        }
    }
}

fn is_statement(name: &str) -> bool {
    let begun = name.strip_prefix("end").unwrap_or(name);
    STATEMENTS.contains(&name) || BLOCKS.contains(&begun)
}

/// Bytes of the whitespace sign that `rest` begins with.
fn sign(rest: &str) -> usize {
    usize::from(rest.starts_with(['-', '+']))
}

/// If `rest` is the inside of a tag that holds only `word`: where the word begins and ends, where what closes the tag
/// begins, and where it ends.
fn plain_tag(rest: &str, word: &str) -> Option<[usize; 4]> {
    let blanks = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_whitespace()).len();
    let start = blanks(rest);
    let after = rest.get(start..)?.strip_prefix(word)?;
    let close = start + word.len() + blanks(after);
    let closing = rest.get(close..)?;
    let end = close + sign(closing) + 2;
    closing.get(sign(closing)..)?.starts_with("%}").then_some([start, start + word.len(), close, end])
}

/// The length of the string that `rest` begins with, none if it does not end.
fn string_length(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

/// The length of the number that `rest` begins with. After a dot it is an index, which has no fraction.
fn number_length(rest: &str, is_index: bool) -> usize {
    let run = |start: usize, is_digit: fn(&char) -> bool| {
        let digits = rest.get(start..).unwrap_or_default().chars();
        start + digits.take_while(|c| is_digit(c) || *c == '_').count()
    };
    match rest.get(..2) {
        Some("0x" | "0X") => return run(2, char::is_ascii_hexdigit),
        Some("0b" | "0B" | "0o" | "0O") => return run(2, char::is_ascii_digit),
        _ => {}
    }
    let is_attribute = |after: &str| after.starts_with(|c: char| c == '_' || c.is_alphabetic());
    let mut end = run(0, char::is_ascii_digit);
    if !is_index && rest.get(end..).and_then(|rest| rest.strip_prefix('.')).is_some_and(|after| !is_attribute(after)) {
        end = run(end + 1, char::is_ascii_digit);
    }
    if let Some(exponent) = rest.get(end..).and_then(|rest| rest.strip_prefix(['e', 'E']))
        && exponent.get(sign(exponent)..).is_some_and(|digits| digits.starts_with(|c: char| c.is_ascii_digit()))
    {
        end = run(end + 1 + sign(exponent), char::is_ascii_digit);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of `text` that are more than blanks, each after the letter of its kind; texts have none.
    fn parts(text: &str) -> String {
        let part = |(range, kind): (Range<usize>, Kind)| {
            let letter = match kind {
                Kind::Text => "",
                Kind::Delimiter => "D:",
                Kind::Variable => "V:",
                Kind::Keyword => "K:",
                Kind::Filter => "F:",
                Kind::Literal => "L:",
                Kind::Comment => "C:",
                Kind::Unclosed => "U:",
            };
            Some(text[range].trim()).filter(|part| !part.is_empty()).map(|part| format!("{letter}{part}"))
        };
        spans(text).into_iter().filter_map(part).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn variables_filters_and_literals() {
        use Kind::*;
        let expected = [(0..2, Delimiter), (2..3, Text), (3..7, Variable), (7..10, Text), (10..14, Filter)];
        assert_eq!(spans("{{ text | trim }}")[..5], expected);
        assert_eq!(parts("{{text|trim}}"), "D:{{ V:text | F:trim D:}}");
        assert_eq!(
            parts("Q: {{- row.name|default('}}', true) -}}\nA: {"),
            "Q: D:{{- V:row . V:name | F:default ( L:'}}' , L:true ) D:-}} A: {"
        );
        assert_eq!(parts("{{ größe.is | a.b }}"), "D:{{ V:größe . V:is | F:a . F:b D:}}");
        assert_eq!(
            parts("{{ [1.5e-3, 0xfF, 1_0., 2.x, a.1.2, 7e] }}"),
            "D:{{ [ L:1.5e-3 , L:0xfF , L:1_0. , L:2 . V:x , V:a . L:1 . L:2 , L:7 V:e ] D:}}"
        );
        assert_eq!(parts("{{ f(x=none) if a else 'b' }}"), "D:{{ V:f ( V:x = L:none ) K:if V:a K:else L:'b' D:}}");
    }

    #[test]
    fn statements() {
        let expected = "D:{% K:for V:x K:in V:y D:%} D:{%- K:endfor D:+%}";
        assert_eq!(parts("{% for x in y %}{%- endfor +%}"), expected);
        assert_eq!(
            parts("{% if not a is not defined and b is none %}"),
            "D:{% K:if K:not V:a K:is K:not F:defined K:and V:b K:is F:none D:%}"
        );
        assert_eq!(parts("{% filter upper %}{%endfilter%}"), "D:{% K:filter F:upper D:%} D:{% K:endfilter D:%}");
        assert_eq!(parts("{% for x in y recursive %}"), "D:{% K:for V:x K:in V:y K:recursive D:%}");
        assert_eq!(parts("{% what if %}{% endelse %}"), "D:{% what K:if D:%} D:{% endelse D:%}");
        assert_eq!(parts("{{ for }}"), "D:{{ V:for D:}}", "no statement in an expression");
    }

    #[test]
    fn comments_and_raw_blocks() {
        assert_eq!(parts("a{# {{ b #}c"), "a D:{# C:{{ b D:#} c");
        assert_eq!(parts("{#-+#}{#-#}{##}"), "D:{#- D:+#} D:{#- D:#} D:{# D:#}");
        assert_eq!(parts("{% raw -%} {{ {% if {%- endraw %}b"), "D:{% K:raw D:-%} {{ {% if D:{%- K:endraw D:%} b");
    }

    #[test]
    fn what_closes_a_tag() {
        for closed in ["{{ '}}' }}", r#"{{ "\"}}" }}"#, "{{ {'a': {}}}}", "{{ f(a)[1] }}", "{{-}}", "{{ (')') }}"] {
            let spans = spans(closed);
            assert_eq!(spans.last(), Some(&(closed.len() - 2..closed.len(), Kind::Delimiter)), "{closed}");
        }
        for open in
            ["{{", "{{ a", "{{ a }", "{{ f( }}", "{{ a) }}", "{{ '}}", "{% if a }}", "{# b", "{#}", "{% raw %} a"]
        {
            assert_eq!(
                spans(&format!("a {open}")),
                [(0..2, Kind::Text), (2..open.len() + 2, Kind::Unclosed)],
                "{open}"
            );
        }
        assert_eq!(parts("{{ a }} {{ b {# c"), "D:{{ V:a D:}} U:{{ b {# c");
        assert_eq!(parts("{ a } } { {"), "{ a } } { {");
        assert!(spans("").is_empty());
    }
}
