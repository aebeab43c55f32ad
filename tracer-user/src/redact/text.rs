//! Free text (`summary`, `why`, `fix`, `missing`): what comes from outside is replaced, the rest is
//! kept. What comes from outside is what the record names elsewhere, what looks like an address,
//! and every word that tcpwhy does not say itself.

use std::{borrow::Cow, collections::HashSet, net::IpAddr, sync::LazyLock};

use super::{Redactor, token};
use crate::errno;

/// Every word that tcpwhy says: collected by the build script, and those of the C library's errors.
static VOCABULARY: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let own = include_str!(concat!(env!("OUT_DIR"), "/vocabulary.txt")).lines();
    let errors = errno::names().filter_map(|name| errno::number(&name));
    let errors = errors.flat_map(|number| token::words(errno::message(number)));
    own.map(str::to_owned)
        .chain(errors.map(str::to_lowercase))
        .collect()
});

/// Units that stand behind a number without a blank.
const UNITS: [&str; 12] = [
    "", "x", "ns", "us", "µs", "ms", "s", "m", "h", "kib", "mib", "gib",
];

/// What one record tells of its own names.
#[derive(Default)]
pub(super) struct Names {
    /// Values that are replaced, and by what; the longest first.
    pub(super) replaced: Vec<(String, String)>,
    /// Values that are kept: names of the kernel.
    pub(super) kept: Vec<String>,
}

impl Names {
    /// The longest of the replaced values that `text` begins with, as a word of its own.
    fn at(&self, text: &str) -> Option<&(String, String)> {
        let first = text.as_bytes().first();
        let alike = |(value, _): &&(String, String)| value.as_bytes().first() == first;
        self.replaced.iter().filter(alike).find(|(value, _)| {
            text.strip_prefix(value.as_str()).is_some_and(|rest| {
                let ends_in_word = value.chars().next_back().is_some_and(char::is_alphanumeric);
                !ends_in_word || !rest.starts_with(char::is_alphanumeric)
            })
        })
    }
}

/// Replaces what comes from outside.
pub(super) fn redact(redactor: &mut Redactor, names: &Names, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let len = if before.is_alphanumeric() {
            None
        } else {
            piece(redactor, names, before, rest, &mut out)
        };
        let len = len.unwrap_or_else(|| {
            out.push(first);
            first.len_utf8()
        });
        before = rest[..len].chars().next_back().unwrap_or(' ');
        rest = &rest[len..];
    }
    out
}

/// Writes what stands for the word that `rest` begins with, and says how long that was.
fn piece(
    redactor: &mut Redactor,
    names: &Names,
    before: char,
    rest: &str,
    out: &mut String,
) -> Option<usize> {
    if let Some((value, pseudonym)) = names.at(rest) {
        out.push_str(pseudonym);
        return Some(value.len());
    }
    if let Some((addr, len)) = address(rest) {
        out.push_str(&redactor.address(addr).to_string());
        return Some(len);
    }
    // The letter of an escape (`\b443`): no word.
    if before == '\\' {
        return None;
    }
    let end = rest.find(|c| !token::is_word(c)).unwrap_or(rest.len());
    let word = token::trim(&rest[..end]);
    if word.is_empty() {
        return None;
    }
    // It is a part of it.
    let start = word.as_ptr().addr() - rest.as_ptr().addr();
    if mac_address(&rest[start..]) {
        out.push_str(&rest[..start]);
        out.push_str(&redactor.word("mac", &rest[start..start + MAC_LEN]));
        return Some(start + MAC_LEN);
    }
    out.push_str(&rest[..start]);
    if is_ours(names, word) {
        out.push_str(word);
    } else {
        out.push_str(&redactor.word("word", word));
    }
    Some(start + word.len())
}

/// An address at the beginning of a text, and its length.
fn address(text: &str) -> Option<(IpAddr, usize)> {
    let end = text
        .find(|c: char| !(c.is_ascii_hexdigit() || matches!(c, ':' | '.')))
        .unwrap_or(text.len());
    let candidate = &text[..end];
    // What may stand behind an address: a port, a full stop, a colon.
    let v4 = candidate
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(end);
    [
        candidate,
        candidate.trim_end_matches([':', '.']),
        &candidate[..v4],
    ]
    .into_iter()
    .chain([candidate[..v4].trim_end_matches('.')])
    .filter(|part| part.contains(':') || part.matches('.').count() == 3)
    .find_map(|part| Some((part.parse().ok()?, part.len())))
    // A word that goes on was no address: `fe80::1%eth0` is one, `1.2.3.4a` is none.
    .filter(|&(_, len)| !text[len..].starts_with(char::is_alphanumeric))
}

const MAC_LEN: usize = 17;

/// `52:54:00:12:34:56`.
fn mac_address(text: &str) -> bool {
    let Some(text) = text.get(..MAC_LEN) else {
        return false;
    };
    text.split(':').count() == 6
        && text
            .split(':')
            .all(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether tcpwhy or the kernel says this word: numbers, symbols, and the vocabulary.
fn is_ours(names: &Names, word: &str) -> bool {
    let lower = if word
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(word.to_lowercase())
    };
    let digits = lower
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(lower.len());
    lower.chars().count() == 1
        || (digits > 0 && UNITS.contains(&&lower[digits..]))
        || VOCABULARY.contains(&*lower)
        || lower
            .strip_suffix('s')
            .is_some_and(|word| VOCABULARY.contains(word))
        || names.kept.iter().any(|kept| kept == word)
        || (word.starts_with('E') && errno::number(word).is_some())
        || word.parse::<nix::sys::signal::Signal>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Key;

    fn redacted(text: &str, replaced: &[(&str, &str)]) -> String {
        let mut redactor = Redactor::new(Key::from_secret("test"));
        let names = Names {
            replaced: replaced
                .iter()
                .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
                .collect(),
            kept: vec!["nft_do_chain".to_owned()],
        };
        redact(&mut redactor, &names, text)
    }

    #[test]
    fn what_tcpwhy_says_stays() {
        for text in [
            "connect() timed out after 3.1 s (ETIMEDOUT)",
            "3 SYNs were sent and none was answered",
            "the kernel dropped its 3 SYNs: NETFILTER_DROP at nft_do_chain",
            "nft list ruleset | grep -nE 'drop|reject|\\b443\\b'",
            "hook OUTPUT, netns 4026531840",
            "the process was killed by SIGKILL while it was connecting after 45 µs",
            "ss -ltnp 'sport = 8080'",
            "",
        ] {
            assert_eq!(redacted(text, &[]), text);
        }
    }

    #[test]
    fn what_comes_from_outside_goes() {
        for (text, gone) in [
            ("ip netns exec acme-prod ss -ltn", "acme-prod"),
            ("ip netns exec acme ss -ltn", "acme"),
            ("could not reach 10.9.1.1:443: no-answer", "10.9.1.1"),
            ("could not reach [fd09::1]:443: no-answer", "fd09::1"),
            ("no route to fd09::1.", "fd09::1"),
            ("from 10.9.1.1.", "10.9.1.1"),
            ("10.9.0.0/16 is unreachable", "10.9.0.0"),
            ("asked db.acme.example twice", "db.acme.example"),
            ("neighbour 52:54:00:12:34:56 is stale", "52:54:00:12:34:56"),
            ("the socket of müller", "müller"),
            ("nsenter -t 12 -n -- cat /srv/acme", "acme"),
        ] {
            let after = redacted(text, &[]);
            assert!(!after.contains(gone), "{after}");
        }
    }

    #[test]
    fn names_of_the_record_are_replaced_as_whole_words() {
        let names = [("web worker", "proc-1"), ("the", "proc-2")];
        assert_eq!(
            redacted("web worker[42]: the socket, then none", &names),
            "proc-1[42]: proc-2 socket, then none"
        );
    }

    #[test]
    fn no_character_is_lost() {
        let text = "(type 3, code 1) → “é” \u{1b}[31m a\\nb --flag=1 ...";
        let after = redacted(text, &[]);
        for c in ['→', '“', '\u{1b}', '[', '\\', '='] {
            assert!(after.contains(c), "{after}");
        }
    }
}
