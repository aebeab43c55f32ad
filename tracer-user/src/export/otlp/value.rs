//! Attributes and values, by the JSON mapping of OTLP's protocol buffers.

use std::io::{self, Write as _};

use serde_json::{Map, Value};

/// Writes a list of `KeyValue`.
pub(super) struct Attributes {
    out: Vec<u8>,
    empty: bool,
}

impl Attributes {
    /// Behind what is written already.
    pub(super) fn new(mut out: Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, empty: true }
    }

    /// Ends the list.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.out.push(b']');
        self.out
    }

    fn key(&mut self, key: &str) -> io::Result<()> {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(b',');
        }
        self.out.extend(br#"{"key":"#);
        serde_json::to_writer(&mut self.out, key)?;
        self.out.extend(br#","value":"#);
        Ok(())
    }

    fn add(&mut self, key: &str, value: &Value) -> io::Result<()> {
        self.key(key)?;
        any(&mut self.out, value)?;
        self.out.push(b'}');
        Ok(())
    }

    /// A text.
    pub(super) fn text(&mut self, key: &str, text: &str) -> io::Result<()> {
        self.key(key)?;
        string(&mut self.out, text)?;
        self.out.push(b'}');
        Ok(())
    }

    /// A field under another name, where it is there.
    pub(super) fn take(
        &mut self,
        fields: &mut Map<String, Value>,
        field: &str,
        name: &str,
    ) -> io::Result<()> {
        match fields.remove(field) {
            None | Some(Value::Null) => Ok(()),
            Some(value) => self.add(name, &value),
        }
    }

    /// All that is left, below a name of our own. Structures are spread out, so that each fact can
    /// be searched for; lists stay lists.
    pub(super) fn rest(&mut self, name: &str, fields: &Map<String, Value>) -> io::Result<()> {
        for (field, value) in fields {
            let name = [name, ".", field].concat();
            match value {
                Value::Null => {}
                Value::Object(fields) => self.rest(&name, fields)?,
                value => self.add(&name, value)?,
            }
        }
        Ok(())
    }
}

/// Writes `AnyValue` of common.proto, as the JSON mapping of protocol buffers wants it: 64-bit integers
/// are strings.
pub(super) fn any(out: &mut Vec<u8>, value: &Value) -> io::Result<()> {
    match value {
        Value::Null => out.extend(b"{}"),
        Value::Bool(yes) => write!(out, r#"{{"boolValue":{yes}}}"#)?,
        Value::Number(number) if number.is_i64() => write!(out, r#"{{"intValue":"{number}"}}"#)?,
        // Beyond 63 bits an exact text is better than a rounded number.
        Value::Number(number) if number.is_u64() => {
            write!(out, r#"{{"stringValue":"{number}"}}"#)?;
        }
        Value::Number(number) => write!(out, r#"{{"doubleValue":{number}}}"#)?,
        Value::String(text) => string(out, text)?,
        Value::Array(values) => {
            out.extend(br#"{"arrayValue":{"values":["#);
            for (nth, value) in values.iter().enumerate() {
                if nth > 0 {
                    out.push(b',');
                }
                any(out, value)?;
            }
            out.extend(b"]}}");
        }
        Value::Object(fields) => {
            out.extend(br#"{"kvlistValue":{"values":"#);
            let mut list = Attributes::new(std::mem::take(out));
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                list.add(name, value)?;
            }
            *out = list.end();
            out.extend(b"}}");
        }
    }
    Ok(())
}

fn string(out: &mut Vec<u8>, text: &str) -> io::Result<()> {
    out.extend(br#"{"stringValue":"#);
    serde_json::to_writer(&mut *out, text)?;
    out.push(b'}');
    Ok(())
}
