//! `tcpwhy schema`.

use std::io::{self, Write};

use crate::{cli::SchemaOf, report, show};

/// Prints a JSON Schema.
///
/// # Errors
/// What `out` returned.
pub fn run(of: SchemaOf, out: &mut dyn Write) -> io::Result<()> {
    let schema = match of {
        SchemaOf::Records => show::schema::schema(),
        SchemaOf::Report => report::json::schema(),
    };
    serde_json::to_writer_pretty(&mut *out, &schema)?;
    out.write_all(b"\n")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_one_json_document() {
        for (of, title) in [
            (SchemaOf::Records, "tcpwhy/1"),
            (SchemaOf::Report, "tcpwhy-report/1"),
        ] {
            let mut out = Vec::new();
            run(of, &mut out).unwrap();
            let schema: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(schema["title"], title);
            assert_eq!(out.last(), Some(&b'\n'));
        }
    }
}
