//! Jinja templates that cannot hang the program, exhaust its memory or overflow its stack.
//!
//! Session files are shared and chat templates come with downloaded models, so neither is trusted. minijinja's fuel pays
//! for instructions and for the data that a template makes, and its recursion limit bounds macros. What these do not see
//! is bounded here: how much code there is to compile, how long a list or dict gets when it is printed, methods of
//! Python that multiply text, stack depth (templates run on a thread with a stack that suffices for all that the fuel can
//! pay for) and, as the last resort, time. What time alone stops (comparing or joining lists that share their items,
//! exponentially many of them) gets its error too, but leaves a thread at work until the program ends.
//!
//! [`super::template`] and [`super::chat`] add what session templates and chat templates know.

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use minijinja::value::{Kwargs, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, machinery};

use super::error::{Position, PromptError};
use super::json::{JsonStyle, to_json};

/// Instructions of one rendering, and at 64 bytes each the data that it makes: 32 MB, some times the longest context.
const FUEL: u64 = 500_000;
/// Tokens of code (not text) in a template; the longest chat templates have some 5,000.
const MAX_CODE: usize = 20_000;
/// Bytes that one list or dict may take when it becomes text.
pub(super) const MAX_CONTAINER: usize = 1 << 20;
/// Stack of the thread that compiles and renders. All that code and fuel can nest needs 32 MB, or 128 MB in a build without
/// optimisation; memory that is not touched costs nothing.
const STACK: usize = 256 << 20;
/// The last resort: most templates render in microseconds. One that harms is to end in an error within a second.
const DEADLINE: Duration = Duration::from_millis(900);

const NAME: &str = "template";

/// A compiled template.
#[derive(Clone, Debug)]
pub(super) struct Sandbox {
    key: &'static str,
    source: String,
    env: Arc<Environment<'static>>,
    variables: HashSet<String>,
}

impl Sandbox {
    /// Compiles `source`; errors call it `key`. `configure` sets what the dialect needs: its syntax, undefined values and
    /// functions.
    pub(super) fn compile(
        key: &'static str,
        source: &str,
        configure: impl FnOnce(&mut Environment<'static>),
    ) -> Result<Self, PromptError> {
        let mut env = Environment::new();
        env.set_debug(true);
        env.set_fuel(Some(FUEL));
        env.set_auto_escape_callback(|_| AutoEscape::None);
        env.set_formatter(format_value);
        env.set_unknown_method_callback(call_method);
        env.add_filter("string", string_filter);
        env.add_filter("tojson", tojson_filter);
        // Both print whole variables at any length.
        env.remove_filter("pprint");
        env.remove_global("debug");
        configure(&mut env);

        let code =
            machinery::tokenize(source, false, env.syntax().clone()).take_while(Result::is_ok).take(MAX_CODE + 1);
        if code.count() > MAX_CODE {
            return Err(PromptError::template(key, None, &format!("has more than {MAX_CODE} tokens of code")));
        }
        let owned = source.to_owned();
        let compiled = guarded(move || {
            env.add_template_owned(NAME, owned.clone()).map_err(|error| Fault::new(&error, &owned))?;
            let template = env.get_template(NAME).map_err(|error| Fault::new(&error, &owned))?;
            let variables = template.undeclared_variables(false);
            Ok((env, variables))
        });
        let (env, variables) = compiled.map_err(|fault| fault.of(key))?;
        Ok(Self { key, source: source.to_owned(), env: Arc::new(env), variables })
    }

    /// The variables and functions that the template reads and does not set itself.
    pub(super) fn variables(&self) -> &HashSet<String> {
        &self.variables
    }

    /// Whether the engine itself knows `name` (`range`, `namespace` and the functions of the dialect).
    pub(super) fn is_global(&self, name: &str) -> bool {
        self.env.globals().any(|(global, _)| global == name)
    }

    /// Where `name` first stands as a variable.
    ///
    /// The compiler's analysis knows names, not places, so the tokens are searched: attributes, filters, keyword
    /// arguments and loop targets of the same name are passed over.
    pub(super) fn position_of(&self, name: &str) -> Position {
        let tokens: Vec<_> = machinery::tokenize(&self.source, false, self.env.syntax().clone())
            .take_while(Result::is_ok)
            .flatten()
            .collect();
        use machinery::Token;
        let mut first = None;
        for (index, (token, span)) in tokens.iter().enumerate() {
            if !matches!(token, Token::Ident(id) if *id == name) {
                continue;
            }
            let before = index.checked_sub(1).and_then(|i| tokens.get(i)).map(|(token, _)| token);
            let after = tokens.get(index + 1).map(|(token, _)| token);
            let is_variable = !matches!(before, Some(Token::Dot | Token::Pipe | Token::Ident("for")))
                && !matches!(after, Some(Token::Assign));
            if is_variable {
                return Position::at(&self.source, span.start_offset as usize);
            }
            first.get_or_insert(span.start_offset as usize);
        }
        Position::at(&self.source, first.unwrap_or_default())
    }

    /// Renders the template once for each of `contexts`, on one thread.
    pub(super) fn render_all(&self, contexts: Vec<Value>) -> Result<Vec<String>, PromptError> {
        let env = Arc::clone(&self.env);
        guarded(move || {
            let template = env.get_template(NAME).map_err(|error| Fault::new(&error, ""))?;
            let texts = contexts.into_iter().map(|context| template.render(context));
            texts.collect::<Result<_, _>>().map_err(|error| Fault::new(&error, template.source()))
        })
        .map_err(|fault| fault.of(self.key))
    }

    /// Renders the template.
    pub(super) fn render(&self, context: Value) -> Result<String, PromptError> {
        Ok(self.render_all(vec![context])?.pop().unwrap_or_default())
    }
}

/// An error without the template's values, which only the guarded thread may drop: they can be nested deeply.
struct Fault {
    position: Option<Position>,
    message: String,
}

impl Fault {
    fn new(error: &Error, source: &str) -> Self {
        let position = match (error.range(), error.line()) {
            // Of some instructions only the line is known.
            (Some(range), _) => Some(Position::at(source, range.start)),
            (None, Some(line)) => Some(Position { line, column: 1 }),
            (None, None) => None,
        };
        let message = match error.kind() {
            ErrorKind::OutOfFuel => {
                format!("the template does too much (over {FUEL} steps, at 64 bytes of data a step)")
            }
            kind => error.detail().map_or_else(|| kind.to_string(), str::to_owned),
        };
        Self { position, message }
    }

    fn without_place(message: String) -> Self {
        Self { position: None, message }
    }

    fn of(self, key: &'static str) -> PromptError {
        PromptError::template(key, self.position, &self.message)
    }
}

/// Runs `work` on a thread with a large stack, for a limited time. All that `work` makes must be dropped in it, but for
/// flat results.
fn guarded<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    let (sender, receiver) = sync_channel(1);
    let thread = thread::Builder::new()
        .name("template".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            // Nobody listens any more after the deadline.
            let _ = sender.send(work());
        })
        .map_err(|error| Fault::without_place(format!("no thread to render the template on: {error}")))?;
    let result = match receiver.recv_timeout(DEADLINE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => {
            return Err(Fault::without_place(format!("the template takes longer than {} s", DEADLINE.as_secs_f64())));
        }
        Err(RecvTimeoutError::Disconnected) => Err(Fault::without_place("the template engine panicked".to_owned())),
    };
    // It has nothing left to do. Waiting for it is safer than letting go: glibc may read the stack of a thread
    // that ends while it is being detached, and a stack of this size is given back at once.
    let _ = thread.join();
    result
}

/// Text that refuses to grow beyond a limit.
pub(super) struct Limited {
    text: String,
    limit: usize,
}

impl Limited {
    /// No text yet, and at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { text: String::new(), limit }
    }

    /// The text.
    pub(super) fn into_text(self) -> String {
        self.text
    }
}

impl Write for Limited {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        if self.text.len() + part.len() > self.limit {
            return Err(std::fmt::Error);
        }
        self.text.push_str(part);
        Ok(())
    }
}

fn too_long() -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("a list or dict is longer than {MAX_CONTAINER} bytes as text"))
}

/// The text of a value. Lists that share their items can have exponentially more text than memory, and repeated lists
/// have no size at all, hence the limit.
fn text_of(value: &Value) -> Result<String, Error> {
    let mut text = Limited::new(MAX_CONTAINER);
    write!(text, "{value}").map_err(|_| too_long())?;
    Ok(text.into_text())
}

fn format_value(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    if value.as_object().is_some() {
        Ok(out.write_str(&text_of(value)?)?)
    } else {
        minijinja::escape_formatter(out, state, value)
    }
}

fn string_filter(value: &Value) -> Result<Value, Error> {
    if value.as_str().is_some() { Ok(value.clone()) } else { text_of(value).map(Value::from) }
}

/// transformers' `tojson`: Python's `json.dumps` with `ensure_ascii=False`, and nothing escaped for HTML.
fn tojson_filter(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let separators = match options.get::<Option<Value>>("separators")? {
        None => None,
        Some(pair) => Some((pair.get_item_by_index(0)?.to_string(), pair.get_item_by_index(1)?.to_string())),
    };
    let style = JsonStyle {
        ensure_ascii: options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        indent: options.get::<Option<u8>>("indent")?.map(usize::from),
        separators,
        sort_keys: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
    };
    options.assert_all_used()?;
    to_json(value, &style, MAX_CONTAINER)
        .map(Value::from)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, format!("tojson: {error}")))
}

/// Python's methods. minijinja-contrib knows nothing of fuel, so text is paid for before it is read, and methods that
/// multiply text go by way of the filters that are.
fn call_method(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        state.consume_fuel(text.len() as u64 / 64)?;
        match method {
            "replace" => return state.apply_filter("replace", &[std::slice::from_ref(value), args].concat()),
            "join" => {
                if let [items] = args {
                    return state.apply_filter("join", &[items.clone(), value.clone()]);
                }
            }
            "split" | "splitlines" => {
                let pieces = match args.first().and_then(Value::as_str) {
                    Some(separator) => text.matches(separator).count(),
                    None => text.split_whitespace().count() + text.lines().count(),
                };
                state.consume_fuel(pieces as u64)?;
            }
            "format" => {
                return Err(Error::new(ErrorKind::UnknownMethod, "str.format is not available; join text with `~`"));
            }
            _ => {}
        }
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, value, method, args)
}
