//! JSON: one object, for programs.

use std::io::{self, Write};

use schemars::{Schema, generate::SchemaSettings};

use super::{
    Format, Look,
    model::{Report, SCHEMA},
};

/// `--format json`.
pub static FORMAT: Format = Format {
    name: "json",
    write,
};

fn write(report: &Report, _look: Look, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, report)?;
    out.write_all(b"\n")
}

/// The JSON Schema (draft 2020-12) of reports in JSON.
///
/// It forbids no further fields: within one schema version fields are only ever added.
#[must_use]
pub fn schema() -> Schema {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Report>();
    schema.insert("$id".to_owned(), SCHEMA.into());
    schema.insert("title".to_owned(), SCHEMA.into());
    schema
}
