//! What a word is; shared with the build script, which collects the words that tcpwhy says itself.

/// Whether a character belongs to a word.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@')
}

/// What ends or begins a sentence, or a flag, is no part of the word.
pub(crate) fn trim(word: &str) -> &str {
    word.trim_matches(['.', '-'])
}

/// The words of a line. The letter of an escape (`\b`, `\n`) belongs to none.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split('\\')
        .enumerate()
        .map(|(nth, part)| {
            let mut rest = part.chars();
            if nth > 0 {
                rest.next();
            }
            rest.as_str()
        })
        .flat_map(|part| part.split(|c| !is_word(c)))
        .map(trim)
        .filter(|word| !word.is_empty())
}
