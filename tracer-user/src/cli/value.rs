//! Values on the command line: each parser says what it expected.

use std::{fs, net::IpAddr, os::unix::fs::MetadataExt, path::Path, time::Duration};

use ipnet::IpNet;
use jiff::SignedDuration;

use crate::{
    cause::{self, CAUSES},
    export,
    filter::CauseFilter,
    record::Direction,
    report,
    show::{self, FORMATS},
    trace::history::Burst,
};

/// A length of time: `500ms`, `30s`, `10m`, `1h 30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a length of time such as 500ms, 30s, 10m or 2h".to_owned();
    let signed: SignedDuration = text.parse().map_err(|_| expected())?;
    match Duration::try_from(signed) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(expected()),
    }
}

/// A size in bytes: `8MiB`, `8M`, `64K` (units of 1024; `kB`, `MB`, `GB` are units of 1000).
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let expected = || "expected a size such as 8MiB, 64K or 1048576".to_owned();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: usize = number.parse().map_err(|_| expected())?;
    let unit: usize = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "ki" | "kib" => 1 << 10,
        "m" | "mi" | "mib" => 1 << 20,
        "g" | "gi" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(expected()),
    };
    number
        .checked_mul(unit)
        .filter(|&bytes| bytes > 0)
        .ok_or_else(expected)
}

/// Many failures in a short time: `20/10` or `20/500ms`.
pub(crate) fn burst(text: &str) -> Result<Burst, String> {
    /// When each of them came is remembered.
    const MOST: usize = 1_000_000;
    let expected = || format!("expected N/SECONDS such as 20/10 (N up to {MOST}) or 20/500ms");
    let (failures, within) = text.split_once('/').ok_or_else(expected)?;
    let failures = failures.parse().map_err(|_| expected())?;
    if !(1..=MOST).contains(&failures) {
        return Err(expected());
    }
    let within = match within.parse() {
        Ok(seconds @ 1..) => Duration::from_secs(seconds),
        _ => duration(within).map_err(|_| expected())?,
    };
    Ok(Burst { failures, within })
}

/// A network or a single address.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| {
            "expected an address or a network such as 10.0.0.0/8 or 2001:db8::1".to_owned()
        })
}

/// `in` or `out`; the words of the records too.
pub(crate) fn direction(text: &str) -> Result<Direction, String> {
    match text {
        "in" | "inbound" => Ok(Direction::Inbound),
        "out" | "outbound" => Ok(Direction::Outbound),
        _ => Err("expected in or out".to_owned()),
    }
}

/// A cause code, or `!` and a cause code.
pub(crate) fn cause(text: &str) -> Result<CauseFilter, String> {
    let (exclude, code) = text
        .strip_prefix('!')
        .map_or((false, text), |code| (true, code));
    if let Some(cause) = cause::find(code) {
        return Ok(CauseFilter {
            code: cause.code,
            exclude,
        });
    }
    let near = cause::nearest(code, CAUSES.iter().map(|cause| cause.code));
    Err(match near.first() {
        Some(nearest) => format!("no such cause, the nearest is '{nearest}'"),
        None => "no such cause, 'tcpwhy explain' lists them".to_owned(),
    })
}

/// A control group, without the place where the file system is mounted.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a Result")]
pub(crate) fn cgroup(text: &str) -> Result<String, String> {
    let path = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .iter()
        .find_map(|mount| {
            text.strip_prefix(mount)
                .filter(|rest| rest.starts_with('/'))
        })
        .unwrap_or(text);
    Ok(path.to_owned())
}

/// The beginning of a container id.
pub(crate) fn container(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("expected a container id, or how it begins".to_owned());
    }
    Ok(text.to_owned())
}

/// The inode number of a network namespace: the number itself, as `readlink` shows it
/// (`net:[4026531840]`), a name under `/run/netns`, or a path.
pub(crate) fn netns(text: &str) -> Result<u32, String> {
    let number = text
        .strip_prefix("net:[")
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    if let Ok(inode) = number.parse() {
        return Ok(inode);
    }
    let path = if text.contains('/') {
        Path::new(text).to_owned()
    } else {
        Path::new("/run/netns").join(text)
    };
    let inode = fs::metadata(&path)
        .map_err(|error| format!("{}: {error}; 'ip netns' lists the names", path.display()))?
        .ino();
    u32::try_from(inode).map_err(|_| format!("{} is no network namespace", path.display()))
}

/// An output format, by its name.
pub(crate) fn format(text: &str) -> Result<&'static show::Format, String> {
    show::find(text).ok_or_else(|| {
        let names: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
        format!("expected {}", names.join(" or "))
    })
}

/// A format of another tool, by its name.
pub(crate) fn export_format(text: &str) -> Result<&'static export::Format, String> {
    export::find(text).ok_or_else(|| {
        let names: Vec<_> = export::FORMATS.iter().map(|format| format.name).collect();
        format!("expected {}", names.join(", "))
    })
}

/// A format of reports, by its name.
pub(crate) fn report_format(text: &str) -> Result<&'static report::Format, String> {
    report::find(text).ok_or_else(|| {
        let names: Vec<_> = report::FORMATS.iter().map(|format| format.name).collect();
        format!("expected {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for wrong in ["", "30", "-5s", "0s", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn reads_sizes() {
        assert_eq!(size("8MiB"), Ok(8 << 20));
        assert_eq!(size("64K"), Ok(64 << 10));
        assert_eq!(size("1kB"), Ok(1000));
        assert_eq!(size("4096"), Ok(4096));
        for wrong in ["", "MiB", "0", "8 bananas", "-1K", "99999999999999999G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn reads_bursts() {
        let read = |text| burst(text).map(|burst| (burst.failures, burst.within));
        assert_eq!(read("20/10"), Ok((20, Duration::from_secs(10))));
        assert_eq!(read("1/500ms"), Ok((1, Duration::from_millis(500))));
        for wrong in [
            "",
            "20",
            "/10",
            "0/10",
            "20/0",
            "x/1",
            "20/soon",
            "9999999/1",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn reads_networks() {
        assert_eq!(
            network("10.9.1.1").map(|net| net.to_string()),
            Ok("10.9.1.1/32".to_owned())
        );
        assert!(network("2001:db8::/32").is_ok());
        assert!(network("10.0.0.0/33").is_err());
    }

    #[test]
    fn names_the_nearest_cause() {
        assert_eq!(
            cause("!no-route"),
            Ok(CauseFilter {
                code: "no-route",
                exclude: true
            })
        );
        assert_eq!(
            cause("no-rout"),
            Err("no such cause, the nearest is 'no-route'".to_owned())
        );
    }

    #[test]
    fn finds_network_namespaces() {
        assert_eq!(netns("4026531840"), Ok(4_026_531_840));
        assert_eq!(netns("net:[4026531840]"), Ok(4_026_531_840));
        let own = fs::metadata("/proc/self/ns/net").unwrap().ino();
        assert_eq!(netns("/proc/self/ns/net").map(u64::from), Ok(own));
        assert!(
            netns("no-such-netns")
                .unwrap_err()
                .contains("/run/netns/no-such-netns")
        );
    }
}
