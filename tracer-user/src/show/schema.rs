//! The JSON Schema of the records.

use schemars::{Schema, generate::SchemaSettings};

use crate::record::{Record, SCHEMA};

/// The JSON Schema (draft 2020-12) that every line of JSON output fulfils.
///
/// It forbids no further fields: within one schema version fields are only ever added.
#[must_use]
pub fn schema() -> Schema {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Record>();
    schema.insert("$id".to_owned(), SCHEMA.into());
    schema.insert("title".to_owned(), SCHEMA.into());
    schema
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::show::sample;

    #[test]
    fn names_its_version_and_draft() {
        let schema = schema();
        assert_eq!(schema.get("$id"), Some(&json!("tcpwhy/1")));
        assert_eq!(schema.get("title"), Some(&json!("tcpwhy/1")));
        assert_eq!(
            schema.get("$schema"),
            Some(&json!("https://json-schema.org/draft/2020-12/schema"))
        );
    }

    #[test]
    fn every_kind_of_record_is_valid() {
        let schema = schema();
        let validator = jsonschema::draft202012::new(schema.as_value()).unwrap();
        for record in sample::records() {
            let value = serde_json::to_value(&record).unwrap();
            let errors: Vec<_> = validator
                .iter_errors(&value)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{errors:?}: {value}");
        }
    }

    #[test]
    fn refuses_what_is_no_record() {
        let schema = schema();
        let validator = jsonschema::draft202012::new(schema.as_value()).unwrap();
        let mut failure = serde_json::to_value(sample::record()).unwrap();
        assert!(validator.is_valid(&failure));
        failure["direction"] = json!("sideways");
        assert!(!validator.is_valid(&failure));
        assert!(!validator.is_valid(&json!({"type": "nonsense"})));
        assert!(!validator.is_valid(&json!({"direction": "outbound"})));
    }
}
