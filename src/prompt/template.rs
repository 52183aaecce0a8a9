//! Session templates: `prompt.template` and `prompt.demo`.
//!
//! Jinja as minijinja has it, with Python's string methods. What is written is what the model sees: nothing is trimmed
//! or escaped, and values are text, exactly as the data has it. Data is never read as a template. Unknown variables and
//! syntax errors are found when the template is compiled; see [`super::sandbox`] for what bounds its work.

use std::borrow::Cow;

use minijinja::UndefinedBehavior;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;

use super::error::{PromptError, one_line};
use super::sandbox::Sandbox;

/// A compiled session template.
#[derive(Clone, Debug)]
pub struct Template {
    sandbox: Sandbox,
}

impl Template {
    /// Compiles `source`, which errors call `key` (`prompt.template` or `prompt.demo`). `known` are the variables that
    /// it will be rendered with; any other is an error that names the nearest.
    pub fn compile(key: &'static str, source: &str, known: &[&str]) -> Result<Self, PromptError> {
        if source.trim().is_empty() {
            return Err(PromptError::EmptyTemplate { key });
        }
        let sandbox = Sandbox::compile(key, source, |env| {
            env.set_undefined_behavior(UndefinedBehavior::Strict);
            let mut syntax = SyntaxConfig::builder();
            if let Ok(syntax) = syntax.keep_trailing_newline(true).build() {
                env.set_syntax(syntax);
            }
        })?;
        let unknown = sandbox
            .variables()
            .iter()
            .filter(|name| !known.contains(&name.as_str()) && !sandbox.is_global(name))
            .map(|name| (sandbox.position_of(name), name))
            .min();
        if let Some((position, name)) = unknown {
            return Err(PromptError::UnknownVariable {
                key,
                position,
                name: name.clone(),
                hint: one_line(&hint(name, known)),
            });
        }
        Ok(Self { sandbox })
    }

    /// Whether the template uses the variable `name`.
    pub fn uses(&self, name: &str) -> bool {
        self.sandbox.variables().contains(name)
    }

    /// Renders the template with `variables`; of two with the same name the later one is seen.
    pub fn render(&self, variables: Vec<(&str, Cow<str>)>) -> Result<String, PromptError> {
        self.sandbox.render(self.context(variables))
    }

    /// Renders the template once for each list of variables.
    pub fn render_all(&self, lists: Vec<Vec<(&str, Cow<str>)>>) -> Result<Vec<String>, PromptError> {
        self.sandbox.render_all(lists.into_iter().map(|variables| self.context(variables)).collect())
    }

    fn context(&self, variables: Vec<(&str, Cow<str>)>) -> Value {
        Value::from_pairs(variables.into_iter().filter(|(name, _)| self.uses(name)))
    }
}

/// What to write instead of the unknown variable `name`.
fn hint(name: &str, known: &[&str]) -> String {
    const MOST: usize = 20;
    let nearest = known.iter().map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate)).min();
    if let Some((distance, nearest)) = nearest
        && distance <= (name.chars().count() / 3).max(1)
    {
        return format!("did you mean `{nearest}`?");
    }
    let mut list: Vec<String> = known.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    if known.len() > MOST {
        list.push("…".to_owned());
    }
    format!("known are {}", list.join(", "))
}
