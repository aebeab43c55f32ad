//! Reading wire types: from the ring buffer's bytes, and from the JSON of a recorded trace.

use std::string::String;

use serde_json::Value;

/// A type that can be read from the ring buffer, and written to and read from a trace.
pub trait Wire: Sized + PartialEq {
    /// All bits zero.
    const ZERO: Self;

    /// Reads one value and leaves `buf` behind it.
    ///
    /// # Errors
    /// [`Short`] where `buf` ends before the value does.
    fn read(buf: &mut impl bytes::Buf) -> Result<Self, Short>;

    /// Its form in JSON: numbers, arrays without the zeros at their end, bytes as hexadecimal
    /// digits, records without the fields that are zero.
    fn to_json(&self) -> Value;

    /// Reads that form again. Fields that are not there are zero, so that traces of earlier versions
    /// can be read.
    ///
    /// # Errors
    /// [`Misfit`] where the value is of another form, or does not fit.
    fn from_json(value: &Value) -> Result<Self, Misfit>;

    /// The form of an array.
    fn array_to_json(values: &[Self]) -> Value {
        values.iter().map(Self::to_json).collect()
    }

    /// Reads the form of an array.
    ///
    /// # Errors
    /// As [`Wire::from_json`].
    fn array_from_json(value: &Value, into: &mut [Self]) -> Result<(), Misfit> {
        let values = value.as_array().ok_or(Misfit("an array"))?;
        if values.len() > into.len() {
            return Err(Misfit("a shorter array"));
        }
        for (into, value) in into.iter_mut().zip(values) {
            *into = Self::from_json(value)?;
        }
        Ok(())
    }
}

/// A record that ended too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short;

/// A value that is not what it should be: this was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit(pub &'static str);

macro_rules! wire_integer {
    ($($kind:ty => $get:ident),*) => { $(impl Wire for $kind {
        const ZERO: Self = 0;

        fn read(buf: &mut impl bytes::Buf) -> Result<Self, Short> {
            buf.$get().map_err(|_| Short)
        }

        fn to_json(&self) -> Value {
            (*self).into()
        }

        fn from_json(value: &Value) -> Result<Self, Misfit> {
            let number = value.as_u64().map(i128::from).or(value.as_i64().map(i128::from));
            number.and_then(|number| number.try_into().ok()).ok_or(Misfit(stringify!($kind)))
        }
    })* };
}
wire_integer!(u16 => try_get_u16_ne, u32 => try_get_u32_ne, i32 => try_get_i32_ne, u64 => try_get_u64_ne);

impl Wire for u8 {
    const ZERO: Self = 0;

    fn read(buf: &mut impl bytes::Buf) -> Result<Self, Short> {
        buf.try_get_u8().map_err(|_| Short)
    }

    fn to_json(&self) -> Value {
        (*self).into()
    }

    fn from_json(value: &Value) -> Result<Self, Misfit> {
        let number = value.as_u64().and_then(|number| number.try_into().ok());
        number.ok_or(Misfit("u8"))
    }

    fn array_to_json(values: &[Self]) -> Value {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(2 * values.len());
        for byte in values {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        text.into()
    }

    fn array_from_json(value: &Value, into: &mut [Self]) -> Result<(), Misfit> {
        const EXPECTED: Misfit = Misfit("hexadecimal digits, two a byte");
        let text = value.as_str().ok_or(EXPECTED)?.as_bytes();
        if text.len() % 2 != 0 || text.len() / 2 > into.len() {
            return Err(EXPECTED);
        }
        let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(EXPECTED);
        for (into, digits) in into.iter_mut().zip(text.chunks_exact(2)) {
            let byte = digit(digits[0])? << 4 | digit(digits[1])?;
            *into = Self::try_from(byte).map_err(|_| EXPECTED)?;
        }
        Ok(())
    }
}

impl<T: Wire + Copy, const N: usize> Wire for [T; N] {
    const ZERO: Self = [T::ZERO; N];

    fn read(buf: &mut impl bytes::Buf) -> Result<Self, Short> {
        let mut all = Self::ZERO;
        for one in &mut all {
            *one = T::read(buf)?;
        }
        Ok(all)
    }

    fn to_json(&self) -> Value {
        let end = self.iter().rposition(|value| *value != T::ZERO);
        T::array_to_json(&self[..end.map_or(0, |last| last + 1)])
    }

    fn from_json(value: &Value) -> Result<Self, Misfit> {
        let mut all = Self::ZERO;
        T::array_from_json(value, &mut all)?;
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Process, State};

    #[test]
    fn what_is_written_is_read_again() {
        let mut process = Process {
            tgid: 4242,
            started_ns: u64::MAX,
            ..Process::ZERO
        };
        process.cmdline[..4].copy_from_slice(b"a\0b\xff");
        process.exe[1][..3].copy_from_slice(b"usr");
        let json = process.to_json();
        assert_eq!(json["cmdline"], "610062ff");
        assert_eq!(json["exe"], serde_json::json!(["", "757372"]));
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(4));
        assert_eq!(Process::from_json(&json), Ok(process));
        let state = State {
            err: -110,
            isn: u32::MAX,
            ..State::ZERO
        };
        assert_eq!(State::from_json(&state.to_json()), Ok(state));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for wrong in [
            r#"[]"#,
            r#"{"tgid": -1}"#,
            r#"{"tgid": 4294967296}"#,
            r#"{"tgid": "1"}"#,
            r#"{"cmdline": "616"}"#,
            r#"{"cmdline": "6x"}"#,
            r#"{"cmdline": "\u00e4"}"#,
            r#"{"exe": [0, 1]}"#,
            r#"{"exe": ["", "", "", "", "", "", "", "", "", "", ""]}"#,
            r#"{"head": 1}"#,
        ] {
            let value: Value = serde_json::from_str(wrong).unwrap();
            assert!(Process::from_json(&value).is_err(), "{wrong}");
        }
        let newer: Value = serde_json::from_str(r#"{"mood": "good"}"#).unwrap();
        assert_eq!(Process::from_json(&newer), Ok(Process::ZERO));
    }
}
