//! A text that is never shown.

use std::fmt;

/// A token, a password or a URL with one in it. Neither its debug form nor anything else but [`Secret::reveal`] shows
/// it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text.
    #[must_use]
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The text, to be sent and nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A text that others have written, with the secret taken out of it.
    pub(crate) fn hidden_in(&self, text: &str) -> String {
        if self.0.len() < 4 { text.to_owned() } else { text.replace(&self.0, "(secret)") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_in_no_way_that_is_logged() {
        let secret = Secret::new("hunter22".to_owned());
        assert_eq!(format!("{secret:?}"), "(secret)");
        assert_eq!(secret.hidden_in("bad token hunter22!"), "bad token (secret)!");
    }
}
