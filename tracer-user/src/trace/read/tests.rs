use std::io::{Cursor, Read};

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::{super::source::MAX_LINE_BYTES, *};
use crate::numbers::Numbers;
use crate::show::sample;

/// How many records [`whole`] has.
fn kinds() -> usize {
    sample::records().len()
}

/// A whole trace: one record of every kind.
fn whole() -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in sample::records() {
        serde_json::to_writer(&mut bytes, &record).unwrap();
        bytes.push(b'\n');
    }
    bytes
}

fn reader(bytes: impl Into<Vec<u8>>) -> Reader {
    let input = open::unpack(Cursor::new(bytes.into())).unwrap();
    Reader::new("trace".to_owned(), input)
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// Reads all; how many records, and what is wrong.
fn read(bytes: impl Into<Vec<u8>>) -> (usize, Vec<String>) {
    let mut reader = reader(bytes);
    let records = std::iter::from_fn(|| reader.next_record()).count();
    let texts = reader.problems().summary();
    (records, texts.into_iter().map(|it| it.text).collect())
}

#[test]
fn a_whole_trace_has_no_faults() {
    let mut reader = reader(whole());
    reader.begin();
    assert!(reader.header().is_some());
    let mut records = Vec::new();
    while let Some((line, record)) = reader.next_record() {
        assert_eq!(line, records.len() as u64 + 1);
        records.push(record);
    }
    assert_eq!(records, sample::records());
    assert!(reader.problems().is_empty(), "{:?}", reader.problems());
    assert_eq!(
        reader.header().map(|header| header.host.as_str()),
        Some("host")
    );
}

#[test]
fn a_trace_that_ends_early_is_called_cut_short_and_still_read() {
    let all = whole();
    let lines: Vec<&[u8]> = all.split_inclusive(|&byte| byte == b'\n').collect();
    let without_trailer = lines[..lines.len() - 1].concat();
    let expected = (kinds() - 1, vec!["no trailer: it was cut short".to_owned()]);
    assert_eq!(read(without_trailer.clone()), expected);

    let torn = [&without_trailer, &lines[1][..100]].concat();
    let (records, texts) = read(torn);
    assert_eq!(records, kinds() - 1);
    assert_eq!(
        texts,
        [
            format!(
                "line {}: ends in the middle of a record: the rest is missing",
                kinds()
            ),
            "no trailer: it was cut short".to_owned()
        ]
    );
    // Without its newline the last record is whole all the same.
    assert_eq!(read(all[..all.len() - 1].to_vec()), (kinds(), vec![]));
}

#[test]
fn empty_files_and_rubbish_are_told() {
    assert_eq!(read(""), (0, vec!["there is nothing in it".to_owned()]));
    let (records, texts) = read("\n \nno json\n");
    assert_eq!(records, 0);
    assert_eq!(texts.len(), 1);
    assert!(texts[0].starts_with("line 3: no JSON: "), "{texts:?}");
    let (records, texts) = read([whole(), b"\xff\x00\xfe\n".repeat(9)].concat());
    assert_eq!(records, kinds());
    let first = format!("line {}: no JSON: ", kinds() + 1);
    assert!(texts[0].starts_with(&first), "{texts:?}");
    assert_eq!(
        texts.last().map(String::as_str),
        Some("4 more lines: no JSON")
    );
}

#[test]
fn a_byte_order_mark_before_the_first_line_does_not_matter() {
    let marked = [b"\xef\xbb\xbf".to_vec(), whole()].concat();
    assert_eq!(read(marked), (kinds(), vec![]));
}

#[test]
fn json_that_is_no_object_is_told_in_plain_words() {
    let (_, texts) = read([whole(), b"7\n".to_vec()].concat());
    let told = "no JSON: invalid type: integer `7`, expected an object with a type";
    assert!(texts[0].contains(told), "{texts:?}");
}

#[test]
fn what_a_newer_version_writes_is_counted_and_skipped() {
    let more = r#"{"type":"telepathy","x":1}
{"x":1,"type":"ledger"}
{"type":"failure","id":7}
"#;
    let mut bytes = whole();
    let header = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    bytes.splice(header..header, more.bytes());
    let (records, texts) = read(bytes);
    assert_eq!(records, kinds());
    let unknown = "line 2: a type of record that this version does not know, skipped: telepathy";
    assert_eq!(texts[0], unknown);
    assert!(texts[1].starts_with("line 3: not as the schema wants it, skipped: missing field"));
    assert!(texts[2].starts_with("line 4: not as the schema wants it, skipped: invalid type"));
}

#[test]
fn fields_of_a_newer_version_do_not_matter() {
    let mut value = serde_json::to_value(sample::record()).unwrap();
    value["mood"] = serde_json::json!({"good": [true]});
    let (records, texts) = read(format!("{value}\n"));
    assert_eq!(records, 1);
    assert!(texts[0].starts_with("line 1: no header"), "{texts:?}");
}

#[test]
fn another_schema_is_told_and_read_as_far_as_it_fits() {
    let text = String::from_utf8(whole()).unwrap();
    let (records, texts) = read(text.replace("tcpwhy/1", "tcpwhy/9"));
    assert_eq!(records, kinds());
    assert_eq!(
        texts,
        [r#"line 1: another schema: "tcpwhy/9", this tcpwhy reads tcpwhy/1: what fits is read"#]
    );
}

#[test]
fn a_header_in_the_middle_begins_another_trace() {
    assert_eq!(read([whole(), whole()].concat()), (2 * kinds(), vec![]));
    let all = whole();
    let first = all.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let (records, texts) = read([&all[..first], &all].concat());
    assert_eq!(records, kinds() + 1);
    assert_eq!(
        texts,
        ["line 2: no trailer: it was cut short: another header follows"]
    );
}

/// A line of any length without holding it.
struct Endless(u64);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = u64::try_from(buffer.len()).unwrap().min(self.0);
        self.0 -= count;
        let count = usize::try_from(count).unwrap();
        buffer[..count].fill(b'x');
        Ok(count)
    }
}

#[test]
fn a_line_without_end_is_skipped_in_bounded_memory() {
    let long = Endless(1 << 30);
    let input = Cursor::new(b"{\"type\":\"".to_vec())
        .chain(long)
        .chain(Cursor::new([b"\n".to_vec(), whole()].concat()));
    let mut reader = Reader::new("trace".to_owned(), open::unpack(input).unwrap());
    let mut records = 0;
    while reader.next_record().is_some() {
        records += 1;
        assert!(reader.batch.bytes.capacity() <= 2 * usize::try_from(MAX_LINE_BYTES).unwrap());
    }
    assert_eq!(records, kinds());
    let texts = reader.problems().summary();
    assert_eq!(
        texts[0].text,
        "line 1: too long for a record, skipped: more than 16 MiB"
    );
    assert_eq!(texts.len(), 1);
}

#[test]
fn packed_traces_are_read_up_to_where_they_break() {
    use std::io::Write as _;
    let many = whole().repeat(200);
    // Of zstd, a frame that breaks is lost as a whole: tcpwhy writes many small ones.
    let zstd = zstd(&whole()).repeat(200);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&many).unwrap();
    for packed in [zstd, gzip.finish().unwrap()] {
        assert_eq!(read(packed.clone()), (200 * kinds(), vec![]));
        let (records, texts) = read(&packed[..packed.len() - 5]);
        assert!(records > 600, "{records}: {texts:?}");
        assert!(
            texts
                .iter()
                .any(|text| text.contains("could not be read any further")),
            "{texts:?}"
        );
    }
}

/// Nothing is done to them.
struct Plain;

impl Work for Plain {
    type Own = ();
    type Done<'a> = &'a [u8];

    fn own(&self) {}

    fn line<'a>(&self, (): &mut (), line: &Line<'a>) -> &'a [u8] {
        line.json
    }
}

/// A line's number, its type and its host.
type Place = (u64, Kind, Option<String>);

fn place(line: &Line<'_>) -> Place {
    let host = line.header.map(|header| header.host.clone());
    (line.number, line.kind, host)
}

/// The same on several threads, until so many lines have been taken.
fn each(bytes: &[u8], begin: bool, enough: usize) -> (Vec<Place>, Vec<String>) {
    let mut input = open::unpack(Cursor::new(bytes.to_vec())).unwrap();
    input.is_there = true;
    let mut reader = Reader::new("trace".to_owned(), input);
    if begin {
        reader.begin();
    }
    let mut places = Vec::new();
    reader.each(&Plain, |_, line, json| {
        assert_eq!(json, line.json);
        places.push(place(line));
        if places.len() < enough {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    assert_eq!(reader.records(), places.len() as u64);
    let texts = reader.problems().summary();
    (places, texts.into_iter().map(|it| it.text).collect())
}

#[test]
fn several_threads_read_what_one_does() {
    let mut numbers = Numbers(2);
    let text = String::from_utf8(whole()).unwrap();
    for round in 0..20 {
        // Several batches, of several hosts.
        let hosts =
            (0..400).map(|nth| text.replace("\"host\":\"host\"", &format!("\"host\":\"{nth}\"")));
        let mut bytes = hosts.collect::<String>().into_bytes();
        for _ in 0..round {
            mutate(&mut bytes, &mut numbers);
        }
        let mut reader = reader(bytes.clone());
        let mut places = Vec::new();
        while let Some(line) = reader.next_line() {
            places.push(place(&line));
        }
        let texts = reader.problems().summary();
        let texts: Vec<String> = texts.into_iter().map(|it| it.text).collect();
        for begin in [false, true] {
            assert_eq!(
                each(&bytes, begin, usize::MAX),
                (places.clone(), texts.clone())
            );
        }
        if !places.is_empty() {
            let enough = 1 + numbers.below(places.len());
            assert_eq!(each(&bytes, true, enough).0, places[..enough]);
        }
    }
}

/// Changes, cuts, repeats and moves bytes.
fn mutate(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..=numbers.below(8) {
        if bytes.is_empty() {
            return;
        }
        let at = numbers.below(bytes.len());
        let end = at + numbers.below((bytes.len() - at).min(600)) + 1;
        match numbers.below(5) {
            0 => bytes[at] = u8::try_from(numbers.below(256)).unwrap(),
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                let to = numbers.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => bytes[at..end].reverse(),
        }
    }
}

#[test]
fn no_file_makes_it_panic_or_lose_whole_lines() {
    let mut numbers = Numbers(1);
    let plain = whole();
    let packed = zstd(&plain);
    for round in 0..2000 {
        let mut bytes = if round % 4 == 0 {
            packed.clone()
        } else {
            plain.clone()
        };
        mutate(&mut bytes, &mut numbers);
        let lines = bytes.split(|&byte| byte == b'\n');
        let untouched = lines.filter(|line| serde_json::from_slice::<Record>(line).is_ok());
        let untouched = untouched.count();
        let mut reader = match open::unpack(Cursor::new(bytes)) {
            Ok(input) => Reader::new("trace".to_owned(), input),
            Err(_) => continue,
        };
        let read = std::iter::from_fn(|| reader.next_record()).count();
        assert!(read >= untouched, "round {round}: {read} of {untouched}");
        for problem in reader.problems().summary() {
            assert!(problem.text.len() < 400, "{problem:?}");
        }
    }
}
