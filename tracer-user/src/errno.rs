//! Error numbers and their symbolic names.

use nix::errno::Errno;

/// Linux numbers its errors from 1 to 133 (`EHWPOISON`, `include/uapi/asm-generic/errno.h`).
const LAST: i32 = 133;

/// The symbolic name of an error number, whatever its sign (`-110` and `110`: `ETIMEDOUT`).
#[must_use]
pub fn name(number: i32) -> Option<String> {
    match Errno::from_raw(number.checked_abs()?) {
        Errno::UnknownErrno => None,
        known => Some(format!("{known:?}")),
    }
}

/// The symbolic name, or `errno N` for a number without one.
#[must_use]
pub fn name_or_number(number: i32) -> String {
    name(number).unwrap_or_else(|| format!("errno {number}"))
}

/// The number of a symbolic name, in any case.
#[must_use]
pub fn number(symbol: &str) -> Option<i32> {
    // Two names that share their number with another one.
    let symbol = match symbol.to_ascii_uppercase().as_str() {
        "EWOULDBLOCK" => "EAGAIN".to_owned(),
        "ENOTSUP" => "EOPNOTSUPP".to_owned(),
        other => other.to_owned(),
    };
    (1..=LAST).find(|&number| name(number).as_deref() == Some(&symbol))
}

/// What the C library says of an error, as users see it.
#[must_use]
pub fn message(number: i32) -> &'static str {
    Errno::from_raw(number).desc()
}

/// All symbolic names.
pub fn names() -> impl Iterator<Item = String> {
    (1..=LAST).filter_map(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_connect_returns() {
        for (number, symbol) in [
            (libc::EPERM, "EPERM"),
            (libc::EAGAIN, "EAGAIN"),
            (libc::EINVAL, "EINVAL"),
            (libc::EACCES, "EACCES"),
            (libc::EPIPE, "EPIPE"),
            (libc::ENOBUFS, "ENOBUFS"),
            (libc::EADDRNOTAVAIL, "EADDRNOTAVAIL"),
            (libc::ENETUNREACH, "ENETUNREACH"),
            (libc::ECONNABORTED, "ECONNABORTED"),
            (libc::ECONNRESET, "ECONNRESET"),
            (libc::ETIMEDOUT, "ETIMEDOUT"),
            (libc::ECONNREFUSED, "ECONNREFUSED"),
            (libc::EHOSTUNREACH, "EHOSTUNREACH"),
            (libc::EINPROGRESS, "EINPROGRESS"),
            (libc::EOPNOTSUPP, "EOPNOTSUPP"),
        ] {
            assert_eq!(name(number).as_deref(), Some(symbol));
            assert_eq!(name(-number).as_deref(), Some(symbol));
            assert_eq!(super::number(symbol), Some(number));
        }
    }

    #[test]
    fn does_not_invent_names() {
        assert_eq!(name(0), None);
        assert_eq!(name(512), None);
        assert_eq!(name(i32::MIN), None);
        assert_eq!(name_or_number(-512), "errno -512");
        assert_eq!(number("ENOSUCH"), None);
    }

    #[test]
    fn takes_aliases_and_lower_case() {
        assert_eq!(number("etimedout"), Some(110));
        assert_eq!(number("EWOULDBLOCK"), Some(libc::EAGAIN));
    }
}
