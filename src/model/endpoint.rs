//! The address of a server that answers for a model: what a session may say of one.
//!
//! Only the text is judged here; [`crate::engine::remote`] talks to it.

/// Requests that go out side by side where a session does not say how many.
pub const CONCURRENCY: usize = 16;
/// The most of them.
pub const MOST_CONCURRENCY: usize = 512;

/// Whether a source is an endpoint's URL.
pub fn is_url(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

/// The URL without a slash at its end.
///
/// # Errors
/// What is wrong with it, as the end of a sentence that begins with its key. A user's name or password in it is not
/// repeated: it would stand in errors, logs and manifests.
pub fn address(source: &str) -> Result<&str, String> {
    let rest = source.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
    let host = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if rest.split(['?', '#']).next().unwrap_or_default().contains('@') {
        return Err("must hold no user name or password (`@`), since it is kept with every run; set SHOTGLASS_API_KEY"
            .to_owned());
    }
    if rest.contains(['?', '#']) {
        return Err("must end with its path, as http://host:8000/v1: leave out what begins with `?` or `#`".to_owned());
    }
    if host.is_empty() || !source.chars().all(|c| c.is_ascii_graphic() && c != '\\') {
        return Err("is no URL of an endpoint, as http://host:8000/v1".to_owned());
    }
    Ok(source.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_plain_and_keep_no_secret() {
        assert_eq!(address("http://localhost:8000/v1/"), Ok("http://localhost:8000/v1"));
        assert_eq!(address("https://[::1]:8000/v1"), Ok("https://[::1]:8000/v1"));
        for wrong in
            ["http://", "https:///v1", "http://a b/v1", "http://h/v1?key=secret", "http://h/v1#secret", "http://h\\v1"]
        {
            let error = address(wrong).unwrap_err();
            assert!(!error.contains("secret"), "{wrong}: {error}");
        }
        let error = address("http://me:secret@host/v1").unwrap_err();
        assert!(error.contains("SHOTGLASS_API_KEY") && !error.contains("secret"), "{error}");
        assert!(is_url("http://x") && is_url("https://x") && !is_url("ftp://x") && !is_url("a/b"));
    }
}
