//! Percent-encoding, as in paths and in the `baggage` header.

use std::borrow::Cow;

/// Decodes `%XX`; everything else stays, `+` too. `None` where the result is not UTF-8. A `%` that no two
/// hexadecimal digits follow stays as it is.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let decoded = if byte == b'%' { tail.get(..2).and_then(hex) } else { None };
        bytes.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(digit(digits[0])? * 16 + digit(digits[1])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_decoded_and_stray_ones_stay() {
        for (text, decoded) in [
            ("anthropic.claude-3%3A0", Some("anthropic.claude-3:0")),
            ("100%", Some("100%")),
            ("%zz%4", Some("%zz%4")),
            ("a+b%20c", Some("a+b c")),
            ("%C3%A9", Some("é")),
            ("%FF", None),
        ] {
            assert_eq!(decode(text).as_deref(), decoded, "{text}");
        }
    }
}
