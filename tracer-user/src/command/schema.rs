//! `tcpwhy schema`.

use std::io::{self, Write};

use crate::show;

/// Prints the JSON Schema of the records.
///
/// # Errors
/// What `out` returned.
pub fn run(out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &show::schema::schema())?;
    out.write_all(b"\n")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_one_json_document() {
        let mut out = Vec::new();
        run(&mut out).unwrap();
        let schema: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(schema["title"], "tcpwhy/1");
        assert_eq!(out.last(), Some(&b'\n'));
    }
}
