//! JSON: one object a line, `"type"` first.

use std::io::{self, Write};

use super::{Format, Show};
use crate::record::Record;

/// `--format json`.
pub static FORMAT: Format = Format {
    name: "json",
    new: |_color| Box::new(Json),
};

struct Json;

impl Show for Json {
    fn show(&mut self, record: &Record, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, record)?;
        out.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::sample;

    fn line(record: &Record) -> String {
        let mut out = Vec::new();
        Json.show(record, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_record_is_one_line_with_type_first() {
        for record in sample::records() {
            let line = line(&record);
            assert!(line.starts_with(r#"{"type":""#), "{line}");
            assert_eq!(line.find('\n'), Some(line.len() - 1), "{line}");
            assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
        }
    }

    #[test]
    fn newlines_from_outside_stay_inside_the_object() {
        let mut failure = sample::failure();
        failure.summary = "a\nb\u{1b}[31m".to_owned();
        let line = line(&Record::Failure(Box::new(failure)));
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.contains(r"a\nb\u001b[31m"), "{line}");
    }
}
