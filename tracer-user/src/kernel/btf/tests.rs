#![allow(clippy::unwrap_used)]

use std::time::Instant;

use super::*;

/// Builds BTF as a compiler would.
struct Blob {
    types: Vec<u8>,
    strings: Vec<u8>,
    next: u32,
}

impl Blob {
    fn new() -> Self {
        Self {
            types: Vec::new(),
            strings: vec![0],
            next: 1,
        }
    }

    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let at = u32::try_from(self.strings.len()).unwrap();
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        at
    }

    /// Adds a type of `len` members; its id.
    fn add(&mut self, name: &str, info: (u32, u32, bool), size_or_type: u32, extra: &[u32]) -> u32 {
        let (kind, len, flag) = info;
        let name = self.string(name);
        let info = u32::from(flag) << 31 | kind << 24 | len;
        for word in [name, info, size_or_type].iter().chain(extra) {
            self.types.extend_from_slice(&word.to_ne_bytes());
        }
        self.next += 1;
        self.next - 1
    }

    /// A structure of `(name, type, offset)`.
    fn structure(
        &mut self,
        name: &str,
        flag: bool,
        size: u32,
        members: &[(&str, u32, u32)],
    ) -> u32 {
        let words: Vec<u32> = members
            .iter()
            .flat_map(|(name, id, offset)| [self.string(name), *id, *offset])
            .collect();
        let len = u32::try_from(members.len()).unwrap();
        self.add(name, (kind::STRUCT, len, flag), size, &words)
    }

    fn bytes(&self) -> Vec<u8> {
        let types = u32::try_from(self.types.len()).unwrap();
        let strings = u32::try_from(self.strings.len()).unwrap();
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.extend_from_slice(&[1, 0]);
        for word in [24, 0, types, types, strings] {
            bytes.extend_from_slice(&u32::to_ne_bytes(word));
        }
        [bytes, self.types.clone(), self.strings.clone()].concat()
    }
}

/// A little of every kind.
fn sample() -> Vec<u8> {
    let mut blob = Blob::new();
    let int = blob.add("int", (kind::INT, 0, false), 4, &[1 << 24 | 32]);
    let byte = blob.add("unsigned char", (kind::INT, 0, false), 1, &[8]);
    let constant = blob.add("", (kind::CONST, 0, false), int, &[]);
    let alias = blob.add("alias_t", (kind::TYPEDEF, 0, false), constant, &[]);
    let array = blob.add("", (kind::ARRAY, 0, false), 0, &[alias, int, 3]);
    let inner = blob.structure("", false, 16, &[("x", int, 0), ("y", array, 32)]);
    let named = blob.add("inner_t", (kind::TYPEDEF, 0, false), inner, &[]);
    let outer = [
        ("a", int, 0),
        ("", inner, 64),
        ("named", named, 256),
        ("low", byte, 5 << 24 | 448),
        ("high", byte, 3 << 24 | 453),
    ];
    let outer = blob.structure("outer", true, 64, &outer);
    let tag = blob.add("user", (kind::TYPE_TAG, 0, false), outer, &[]);
    let pointer = blob.add("", (kind::PTR, 0, false), tag, &[]);
    let void = blob.add("", (kind::PTR, 0, false), 0, &[]);
    let [no, yes, minus] = ["NO", "YES", "MINUS"].map(|name| blob.string(name));
    blob.add("answer", (kind::ENUM, 1, false), 4, &[no, 0]);
    let answer = blob.add(
        "answer",
        (kind::ENUM, 3, true),
        4,
        &[no, 0, yes, 1, minus, u32::MAX],
    );
    blob.add("wide", (kind::ENUM64, 1, false), 8, &[yes, 2, 1]);
    let constant = blob.add("", (kind::CONST, 0, false), answer, &[]);
    let prototype = [
        0, void, 0, pointer, 0, void, 0, constant, 0, alias, 0, outer,
    ];
    let prototype = blob.add("", (kind::FUNC_PROTO, 6, false), 0, &prototype);
    let to_prototype = blob.add("", (kind::PTR, 0, false), prototype, &[]);
    blob.add(
        "btf_trace_sample",
        (kind::TYPEDEF, 0, false),
        to_prototype,
        &[],
    );
    blob.add("sample", (kind::FUNC, 0, false), prototype, &[]);
    let variable = blob.add("variable", (kind::VAR, 0, false), int, &[1]);
    blob.add(".data", (kind::DATASEC, 1, false), 4, &[variable, 0, 4]);
    blob.add("f", (kind::FLOAT, 0, false), 4, &[]);
    blob.add("declared", (kind::FWD, 0, false), 0, &[]);
    blob.add("tag", (kind::DECL_TAG, 0, false), outer, &[u32::MAX]);
    blob.bytes()
}

/// Every question, so that hostile bytes meet all code.
fn ask_everything(btf: &Btf) {
    for path in [
        "a",
        "x",
        "y",
        "named.y",
        "named.x.z",
        "low",
        "high",
        "",
        ".",
        "a.",
    ] {
        let _ = btf.member("outer", path);
    }
    let _ = (
        btf.enumerators("answer"),
        btf.enumerators("wide"),
        btf.type_size("outer"),
    );
    let _ = (
        btf.tracepoint_arguments("sample"),
        btf.has_type("alias_t"),
        btf.has_function("sample"),
    );
}

fn place(btf: &Btf, path: &str) -> Option<(u32, u32, u32, u32)> {
    let member = btf.member("outer", path)?;
    Some((
        member.byte_offset,
        member.bit_offset,
        member.bit_size,
        member.byte_size,
    ))
}

#[test]
fn members_are_found_through_anonymous_and_named_structures() {
    let btf = Btf::parse(&sample()).unwrap();
    assert_eq!(place(&btf, "a"), Some((0, 0, 32, 4)));
    assert_eq!(place(&btf, "x"), Some((8, 0, 32, 4)));
    assert_eq!(place(&btf, "y"), Some((12, 0, 96, 12)));
    assert_eq!(place(&btf, "named"), Some((32, 0, 128, 16)));
    assert_eq!(place(&btf, "named.y"), Some((36, 0, 96, 12)));
    assert_eq!(place(&btf, "low"), Some((56, 0, 5, 1)));
    assert_eq!(place(&btf, "high"), Some((56, 5, 3, 1)));
    for absent in ["b", "", "a.x", "named.", ".x", "named.z"] {
        assert_eq!(place(&btf, absent), None, "{absent}");
    }
    assert_eq!(btf.member("inner", "x"), None);
}

#[test]
fn enumerations_sizes_names_and_arguments_are_told() {
    let btf = Btf::parse(&sample()).unwrap();
    let owned = |values: &[(&str, i64)]| {
        Some(
            values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        btf.enumerators("answer"),
        owned(&[("NO", 0), ("YES", 1), ("MINUS", -1)])
    );
    assert_eq!(btf.enumerators("wide"), owned(&[("YES", (1 << 32) + 2)]));
    assert_eq!(btf.enumerators("outer"), None);
    assert_eq!(btf.type_size("outer"), Some(64));
    assert!(btf.has_function("sample") && !btf.has_function("outer"));
    assert!(btf.has_type("alias_t") && btf.has_type("answer") && !btf.has_type("sample"));
    let arguments = [
        Argument::Pointer("outer"),
        Argument::Pointer(""),
        Argument::Enum("answer"),
        Argument::Int {
            size: 4,
            signed: true,
        },
        Argument::Other,
    ];
    assert_eq!(
        btf.tracepoint_arguments("sample").as_deref(),
        Some(&arguments[..])
    );
    assert_eq!(btf.tracepoint_arguments("other"), None);
}

#[test]
fn what_is_not_btf_is_refused() {
    let good = sample();
    let error = |change: fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        Btf::parse(&bytes).err().unwrap().to_string()
    };
    assert_eq!(
        error(|bytes| bytes[..2].reverse()),
        "the BTF is of the other byte order"
    );
    assert_eq!(
        error(|bytes| bytes[0] = 0),
        "not BTF: the magic number is wrong"
    );
    assert_eq!(error(|bytes| bytes[2] = 2), "unknown BTF version 2");
    // The kind of the first type.
    let kind = |bytes: &mut Vec<u8>| bytes[28..32].copy_from_slice(&(20u32 << 24).to_ne_bytes());
    assert_eq!(error(kind), "BTF type 1 is of unknown kind 20");
}

#[test]
fn every_truncation_is_refused() {
    let good = sample();
    for len in 0..good.len() {
        assert!(Btf::parse(&good[..len]).is_err(), "{len}");
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let good = sample();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    for _ in 0..50_000 {
        let mut bytes = good.clone();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            bytes[at] = u8::try_from(random(256)).unwrap();
        }
        if let Ok(btf) = Btf::parse(&bytes) {
            ask_everything(&btf);
        }
    }
}

#[test]
fn types_that_hold_themselves_end() {
    let mut blob = Blob::new();
    // Two anonymous members of its own type, and a typedef of itself.
    blob.structure("outer", false, 8, &[("", 1, 0), ("", 1, 0), ("a", 2, 0)]);
    blob.add("loop_t", (kind::TYPEDEF, 0, false), 2, &[]);
    let array = blob.next;
    blob.add("", (kind::ARRAY, 0, false), 0, &[array, array, u32::MAX]);
    blob.structure("other", false, 8, &[("loop", 2, 0), ("array", array, 0)]);
    let btf = Btf::parse(&blob.bytes()).unwrap();
    assert_eq!(btf.member("outer", "missing"), None);
    assert_eq!(btf.member("other", "loop"), None);
    assert_eq!(btf.member("other", "array"), None);
}

#[test]
fn the_running_kernel_is_described() {
    let btf = Btf::from_sys_fs().unwrap();
    let at = |structure, path| {
        btf.member(structure, path)
            .map(|member| (member.byte_offset, member.byte_size))
    };
    // Fixed by include/net/sock.h, by the ABI and by the wire.
    assert_eq!(at("sock_common", "skc_daddr"), Some((0, 4)));
    assert_eq!(
        at("sock", "sk_rcv_saddr").or(at("sock", "__sk_common.skc_rcv_saddr")),
        Some((4, 4))
    );
    assert_eq!(at("tcphdr", "seq"), Some((4, 4)));
    assert_eq!(at("iphdr", "daddr"), Some((16, 4)));
    let syn = btf.member("tcphdr", "syn").unwrap();
    assert_eq!(
        (syn.byte_offset * 8 + syn.bit_offset, syn.bit_size),
        (13 * 8 + 1, 1)
    );
    assert_eq!(btf.type_size("tcphdr"), Some(20));
    assert!(btf.has_function("tcp_v4_connect") && !btf.has_function("no_such_function"));
    let arguments = btf.tracepoint_arguments("inet_sock_set_state").unwrap();
    let int = Argument::Int {
        size: 4,
        signed: true,
    };
    assert_eq!(arguments, [Argument::Pointer("sock"), int, int]);
    let values = btf.enumerators("tcp_ca_state").unwrap();
    assert!(
        values.contains(&("TCP_CA_Loss".to_owned(), 4)),
        "{values:?}"
    );
}

/// `cargo test --release -- --ignored --nocapture time_`
#[test]
#[ignore = "prints times"]
fn time_of_everything_at_start() {
    for _ in 0..5 {
        let start = Instant::now();
        let btf = Btf::from_sys_fs().unwrap();
        let parsed = start.elapsed();
        let layout = crate::kernel::layout::layout(&btf);
        let names = crate::kernel::reasons::ReasonNames::from_btf(&btf);
        let asked = start.elapsed();
        assert!(layout.is_ok() && names.drop_reason_value("NO_SOCKET").is_some());
        let text = fs::read_to_string("/proc/kallsyms").unwrap();
        let read = start.elapsed();
        let symbols = crate::kernel::symbols::Symbols::parse(&text);
        let all = start.elapsed();
        println!(
            "btf {parsed:?}, queries {:?}, kallsyms read {:?} parsed {:?} ({})",
            asked - parsed,
            read - asked,
            all - read,
            symbols.is_ok()
        );
    }
}
