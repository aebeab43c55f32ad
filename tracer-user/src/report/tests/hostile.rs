//! Traces that are damaged, or made to do harm.

use super::*;
use crate::numbers::Numbers;

/// Puts values of another time, size or kind where values stand.
fn distort(text: &str, numbers: &mut Numbers) -> Vec<u8> {
    const VALUES: [&str; 12] = [
        "\"1677-09-22T00:00:00Z\"",
        "\"2262-04-11T00:00:00Z\"",
        "\"9999-12-31T23:59:59.999999999Z\"",
        "18446744073709551615",
        "-9223372036854775808",
        "1e308",
        "null",
        "[]",
        "{}",
        "\"\"",
        "\"::1\"",
        "\"inbound\"",
    ];
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=numbers.below(6) {
        let colons: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at] == b':').collect();
        let at = colons[numbers.below(colons.len())] + 1;
        let length = bytes[at..]
            .iter()
            .position(|byte| b",}\n".contains(byte))
            .unwrap_or(0);
        let value = VALUES[numbers.below(VALUES.len())].bytes();
        bytes.splice(at..at + length, value);
    }
    bytes
}

#[test]
fn no_trace_makes_a_report_panic() {
    let mut numbers = Numbers(7);
    let traces = two_hosts("accept-queue-full").map(|it| String::from_utf8(it).unwrap());
    for round in 0..400 {
        let distorted: Vec<Vec<u8>> = traces
            .iter()
            .map(|text| distort(text, &mut numbers))
            .collect();
        let report = joined(&distorted);
        for format in FORMATS {
            let columns = 1 + numbers.below(200);
            let look = Look {
                color: round % 2 == 0,
                columns,
            };
            assert!(!show(format, &report, look).is_empty());
        }
    }
}
