//! What is known of an endpoint: its address, the model's name there, the key that opens it, and how patient one is.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use crate::text::printable;

/// The most characters of a server's own words that are shown.
const SHOWN: usize = 300;
/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A secret that is shown nowhere.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// A key, without white space around it; none where nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The key that the environment holds, if any.
    pub fn from_env() -> Option<Self> {
        ["SHOTGLASS_API_KEY", "OPENAI_API_KEY"].into_iter().find_map(|name| Self::new(&std::env::var(name).ok()?))
    }

    /// What goes into the header.
    pub(super) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Before the second try; each further wait is twice as long.
    pub first: Duration,
    /// Between two tries at most.
    pub most: Duration,
    /// Tries in all.
    pub tries: u32,
    /// For an answer's head, and again for its body: a server that is busy answers late.
    pub answer: Duration,
    /// For what is on its way when another row has failed.
    pub grace: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            most: Duration::from_secs(30),
            tries: 6,
            answer: Duration::from_secs(600),
            grace: Duration::from_secs(5),
        }
    }
}

impl Patience {
    /// The wait after so many tries that failed: what the server asked for where it did, else twice the one before, of
    /// which up to half is left out by chance, so that requests that failed together do not come back together.
    pub(super) fn wait(&self, failed: u32, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked {
            return asked.min(LONGEST_WAIT);
        }
        let doubled = 2u32.saturating_pow(failed.saturating_sub(1));
        let wait = self.first.saturating_mul(doubled).min(self.most);
        wait.mul_f64(1.0 - chance() / 2.0)
    }
}

/// A number below 1 that nobody needs to repeat.
fn chance() -> f64 {
    let random = std::hash::RandomState::new().build_hasher().finish();
    (random >> 11) as f64 / (1u64 << 53) as f64
}

/// An endpoint with one of its models.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its address, without a slash at its end.
    pub address: String,
    /// What it calls the model.
    pub name: String,
    /// The key, if one is set.
    pub key: Option<Key>,
    /// How long is waited.
    pub patience: Patience,
}

impl Server {
    /// A server's own words on one line, cut, and without the key, which some servers repeat.
    pub fn words(&self, text: &str) -> String {
        let text = match &self.key {
            Some(key) => text.replace(&key.0, "…"),
            None => text.to_owned(),
        };
        let text = printable(text.trim());
        let cut: String = text.chars().take(SHOWN).collect();
        if cut.len() < text.len() { format!("{cut}…") } else { cut }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_a_server_may_ask_for_its_own() {
        let patience = Patience::default();
        for (failed, most) in [(1, 500), (2, 1000), (3, 2000), (7, 30_000), (40, 30_000)] {
            let wait = patience.wait(failed, None);
            let most = Duration::from_millis(most);
            assert!(wait <= most && wait >= most / 2, "{failed}: {wait:?}");
        }
        assert_eq!(patience.wait(1, Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert_eq!(patience.wait(1, Some(Duration::from_secs(3600))), LONGEST_WAIT);
    }

    #[test]
    fn a_key_is_shown_nowhere() {
        let key = Key::new(" secret\n");
        let server = Server { address: "http://h/v1".into(), name: "m".into(), key, patience: Patience::default() };
        assert!(!format!("{server:?}").contains("secret"));
        assert_eq!(server.words("no: Bearer secret\u{1b}[2J"), "no: Bearer …\\u{1b}[2J");
        assert_eq!(server.words(&"x".repeat(1000)).chars().count(), SHOWN + 1);
        assert!(Key::new(" ").is_none());
    }
}
