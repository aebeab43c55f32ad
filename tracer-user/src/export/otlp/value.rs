//! Attributes and values, by the JSON mapping of OTLP's protocol buffers.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value};

/// A list of `KeyValue`.
#[derive(Default, Serialize)]
pub(super) struct Attributes(Vec<KeyValue>);

#[derive(Serialize)]
struct KeyValue {
    key: Cow<'static, str>,
    value: AnyValue,
}

impl Attributes {
    pub(super) fn add(&mut self, key: impl Into<Cow<'static, str>>, value: Value) {
        self.0.push(KeyValue {
            key: key.into(),
            value: AnyValue(value),
        });
    }

    /// A field under another name, where it is there.
    pub(super) fn take(
        &mut self,
        fields: &mut Map<String, Value>,
        field: &str,
        name: &'static str,
    ) {
        if let Some(value) = fields.remove(field).filter(|value| !value.is_null()) {
            self.add(name, value);
        }
    }

    /// All that is left, below a name of our own. Structures are spread out, so that each fact can
    /// be searched for; lists stay lists.
    pub(super) fn rest(&mut self, name: &str, fields: Map<String, Value>) {
        for (field, value) in fields {
            let name = format!("{name}.{field}");
            match value {
                Value::Null => {}
                Value::Object(fields) => self.rest(&name, fields),
                value => self.add(name, value),
            }
        }
    }
}

/// `AnyValue` of common.proto, as the JSON mapping of protocol buffers wants it: 64-bit integers are
/// strings.
pub(super) struct AnyValue(pub(super) Value);

impl Serialize for AnyValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        any(&self.0, serializer)
    }
}

/// [`AnyValue`] of a value that stays where it is.
struct Borrowed<'a>(&'a Value);

impl Serialize for Borrowed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        any(self.0, serializer)
    }
}

fn any<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    let mut one = serializer.serialize_map(None)?;
    match value {
        Value::Null => {}
        Value::Bool(yes) => one.serialize_entry("boolValue", yes)?,
        Value::Number(number) if number.is_i64() => {
            one.serialize_entry("intValue", &number.to_string())?;
        }
        // Beyond 63 bits an exact text is better than a rounded number.
        Value::Number(number) if number.is_u64() => {
            one.serialize_entry("stringValue", &number.to_string())?;
        }
        Value::Number(number) => one.serialize_entry("doubleValue", number)?,
        Value::String(text) => one.serialize_entry("stringValue", text)?,
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(Borrowed).collect();
            one.serialize_entry("arrayValue", &BTreeMap::from([("values", values)]))?;
        }
        Value::Object(fields) => {
            let mut list = Attributes::default();
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                list.add(name.clone(), value.clone());
            }
            one.serialize_entry("kvlistValue", &BTreeMap::from([("values", list)]))?;
        }
    }
    one.end()
}
