//! Text from outside, made safe for a terminal.

use std::borrow::Cow;

/// Replaces what could steer a terminal or mislead a reader by its escape: control characters
/// (ANSI sequences start with one), and Unicode's invisible and direction-changing characters.
///
/// Newline, tab and the like become `\n`, `\t`; others `\x1b` or `\u{202e}`. Everything else,
/// backslashes too, stays as it is.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    // Nearly all is, and that is quickly seen.
    if text.bytes().all(is_plain) || !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if !is_unsafe(c) => safe.push(c),
            '\n' | '\r' | '\t' => safe.extend(c.escape_default()),
            c if u32::from(c) < 0x100 => safe.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => safe.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(safe)
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_ordinary_text_alone() {
        assert!(matches!(
            escape("nginx: worker 漢字 C:\\x"),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn disarms_terminal_sequences() {
        assert_eq!(escape("\x1b[31mred\x07"), r"\x1b[31mred\x07");
        assert_eq!(escape("a\nb\tc\r"), r"a\nb\tc\r");
        assert_eq!(escape("\u{9b}2J"), r"\x9b2J");
        assert_eq!(escape("\x7f"), r"\x7f");
    }

    #[test]
    fn disarms_direction_changes() {
        assert_eq!(escape("exe\u{202e}gpj"), r"exe\u{202e}gpj");
    }
}
