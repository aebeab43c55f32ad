//! Text from outside, made safe for a page, and cut where it is too long for one.

use crate::escape;

/// Of one text, so many bytes of markup.
const LONGEST: usize = 4_000;

/// What stands for a text: nothing in it is markup, steers a terminal, or turns the writing
/// direction. The end of one that is too long is left out, and that is said.
pub(super) fn text(raw: &str) -> String {
    let mut safe = String::with_capacity(raw.len().min(LONGEST) + 16);
    for c in raw.chars() {
        if safe.len() >= LONGEST {
            safe.push_str(" […]");
            break;
        }
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push_str(&escape::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    safe
}

/// The same, of so many characters at most: for what has little room.
pub(super) fn short(raw: &str, characters: usize) -> String {
    match raw.char_indices().nth(characters) {
        None => text(raw),
        Some((end, _)) => text(&raw[..end]) + "…",
    }
}

/// The same, but that the end stays: that of an address is its port.
pub(super) fn short_in_the_middle(raw: &str, characters: usize) -> String {
    let count = raw.chars().count();
    if count <= characters {
        return text(raw);
    }
    let end = characters / 2;
    let start: String = raw.chars().take(characters - end - 1).collect();
    let end: String = raw.chars().skip(count - end).collect();
    format!("{}…{}", text(&start), text(&end))
}

/// A fragment's name, of what may be in one (RFC 3986).
pub(super) fn anchor(id: &str) -> String {
    id.chars()
        .take(64)
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect()
}

/// A list, of so many items at most; how many are left out is said.
pub(super) fn list<S: AsRef<str>>(tag: &str, class: &str, items: &[S]) -> String {
    const MOST: usize = 40;
    if items.is_empty() {
        return String::new();
    }
    let mut html = format!("<{tag} class=\"{class}\">");
    for item in items.iter().take(MOST) {
        html += &format!("<li>{}</li>", text(item.as_ref()));
    }
    if items.len() > MOST {
        html += &format!("<li class=dim>and {} more</li>", items.len() - MOST);
    }
    html + &format!("</{tag}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_from_outside_is_text() {
        assert_eq!(
            text("<script>alert('1')</script> & \"x\""),
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;"
        );
        assert_eq!(text("a\u{202e}b\u{1b}[31m\n"), "a\\u{202e}b\\x1b[31m\\n");
        assert_eq!(anchor("a\" onclick=x"), "a--onclick-x");
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let cut = text(&"<".repeat(1_000_000));
        assert!(cut.len() < LONGEST + 32 && cut.ends_with("[…]"));
        assert_eq!(short("abcdef", 3), "abc…");
        assert_eq!(short("abc", 3), "abc");
        assert_eq!(short_in_the_middle("[2001:db8::1]:443", 9), "[200…:443");
        assert_eq!(short_in_the_middle("ä<", 2), "ä&lt;");
        let many: Vec<String> = (0..100).map(|nth: u32| nth.to_string()).collect();
        assert!(list("ul", "", &many).contains("and 60 more"));
    }
}
