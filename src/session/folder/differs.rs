//! Whether what was begun can go on as it is described now, and if not, what differs first.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::{FolderError, Manifest, ModelRecord};
use crate::session::Session;

impl Manifest {
    /// Whether the run in `folder` can go on as `now` describes it: with the same session (wherever its files lie), data,
    /// model, device, split and limit, so that it ends as it would have ended unbroken. Of the session, a training is
    /// decided by data and `[train]` alone.
    pub fn allows(&self, now: &Self, folder: &Path) -> Result<(), FolderError> {
        let kind = |of: &Self| json(if of.training.is_some() { "a training" } else { "a run" });
        let session = |of: &Self| match &of.training {
            Some(_) => {
                let mut value = session_value(&of.session);
                if let Some(sections) = value.as_object_mut() {
                    sections.retain(|section, _| section == "data" || section == "train");
                }
                value
            }
            None => session_value(&of.session),
        };
        let pairs = [
            ("it", kind(self), kind(now)),
            ("the session", session(self), session(now)),
            ("the split", json(self.split), json(now.split)),
            ("the limit", json(self.limit), json(now.limit)),
            ("the data's SHA-256", json(&self.data.sha256), json(&now.data.sha256)),
            ("the SHA-256 of the templates", json(&self.prompt.template_sha256), json(&now.prompt.template_sha256)),
            ("the number of rows", json(self.rows), json(now.rows)),
            ("the list of labels", json(&self.labels), json(&now.labels)),
        ];
        first_difference(folder, pairs)?;
        self.model.allows(&now.model, folder)
    }
}

impl ModelRecord {
    /// Whether what was begun in `folder` with this model can go on with `now`.
    pub(in crate::session) fn allows(&self, now: &Self, folder: &Path) -> Result<(), FolderError> {
        let pairs = [
            ("the model's SHA-256", json(&self.sha256), json(&now.sha256)),
            ("the device", json(&self.device), json(&now.device)),
            ("the number format", json(&self.dtype), json(&now.dtype)),
            ("how log-probabilities are told", json(&self.scoring), json(&now.scoring)),
            ("the number of threads", json(self.threads), json(now.threads)),
        ];
        first_difference(folder, pairs)
    }
}

/// The first of some values that is not what it was, as an error.
fn first_difference<const N: usize>(
    folder: &Path,
    pairs: [(&'static str, Value, Value); N],
) -> Result<(), FolderError> {
    for (what, was, now) in pairs {
        if let Some((path, was, now)) = difference(&was, &now) {
            let what = if path.is_empty() { what.to_owned() } else { format!("`{path}`") };
            return Err(FolderError::Differs { path: folder.to_owned(), what, was: short(&was), now: short(&now) });
        }
    }
    Ok(())
}

/// The beginning of a value: a whole template does not fit into a message.
fn short(value: &str) -> String {
    const MOST: usize = 60;
    let start: String = value.chars().take(MOST).collect();
    if start.len() < value.len() { format!("{start}…") } else { start }
}

/// The session without what may change between two legs: its title, what is to be run
/// besides, and where data and model lie, which are known by
/// their hashes. The device is compared as it turned out.
fn session_value(session: &Session) -> Value {
    let mut value = json(session);
    for (section, key) in [
        ("", "title"),
        ("", "calibrate"),
        ("", "sweep"),
        ("", "search"),
        ("/data", "path"),
        ("/model", "source"),
        ("/model", "device"),
        ("/model", "dtype"),
        ("/model", "name"),
        ("/model", "concurrency"),
        ("/model", "price_in"),
        ("/model", "price_out"),
    ] {
        if let Some(section) = value.pointer_mut(section).and_then(Value::as_object_mut) {
            section.remove(key);
        }
    }
    value
}

fn json(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The first place where two values differ, as dotted path, and what is there.
fn difference(was: &Value, now: &Value) -> Option<(String, String, String)> {
    match (was, now) {
        (Value::Object(a), Value::Object(b)) => a.keys().chain(b.keys()).find_map(|key| {
            let of = |object: &serde_json::Map<String, Value>| object.get(key).cloned().unwrap_or_default();
            let (path, was, now) = difference(&of(a), &of(b))?;
            let path = if path.is_empty() { key.clone() } else { format!("{key}.{path}") };
            Some((path, was, now))
        }),
        _ if was == now => None,
        _ => Some((String::new(), shown(was), shown(now))),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_difference_is_named() {
        let was = json!({"data": {"seed": 1, "clean": ["urls"]}, "prompt": {"shots": 0}});
        assert_eq!(difference(&was, &was.clone()), None);
        let differs = |pointer: &str, value: Value| {
            let mut now = was.clone();
            *now.pointer_mut(pointer).unwrap() = value;
            difference(&was, &now).unwrap()
        };
        assert_eq!(differs("/data/seed", json!(2)), ("data.seed".into(), "1".into(), "2".into()));
        assert_eq!(differs("/data/clean", json!([])), ("data.clean".into(), "[\"urls\"]".into(), "[]".into()));
        assert_eq!(differs("/prompt", json!({})), ("prompt.shots".into(), "0".into(), "not set".into()));
        let more = json!({"a": 1});
        assert_eq!(difference(&json!({}), &more), Some(("a".into(), "not set".into(), "1".into())));
    }
}
