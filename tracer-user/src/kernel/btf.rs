//! BTF, the kernel's description of its own types (Documentation/bpf/btf.rst): reading and
//! indexing. The questions are in [`query`].
//!
//! The format is one flat table of types and one of names. All lengths are checked once, in
//! [`Btf::parse`]; a kind that is not known has no known length, so it ends the reading.

mod query;
#[cfg(test)]
mod tests;

use std::{fmt, fs, io, ops::Range};

pub use query::{Argument, Member};

/// Where the running kernel shows its BTF (kernel/bpf/sysfs_btf.c).
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: u16 = 0xeb9f;
const HEADER_LEN: usize = 24;
const TYPE_LEN: usize = 12;

/// `BTF_KIND_*` of include/uapi/linux/btf.h.
mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const PTR: u32 = 2;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const FWD: u32 = 7;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC: u32 = 12;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const FLOAT: u32 = 16;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
}

/// Why BTF cannot be read. Each is one line.
#[derive(Debug)]
pub enum BtfError {
    /// The file cannot be read: most often the kernel was built without `CONFIG_DEBUG_INFO_BTF`.
    Unreadable(io::Error),
    /// It does not begin as BTF does.
    NotBtf,
    /// It is of a machine of the other byte order.
    WrongEndian,
    /// A version of the format that is not known.
    UnknownVersion(u8),
    /// A kind of type that is not known, so neither is its length.
    UnknownKind {
        /// The type.
        id: usize,
        /// Its kind.
        kind: u32,
    },
    /// It ends inside the named part, or that part points outside.
    Truncated(&'static str),
}

impl fmt::Display for BtfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot read {VMLINUX}: {error}"),
            Self::NotBtf => f.write_str("not BTF: the magic number is wrong"),
            Self::WrongEndian => f.write_str("the BTF is of the other byte order"),
            Self::UnknownVersion(version) => write!(f, "unknown BTF version {version}"),
            Self::UnknownKind { id, kind } => write!(f, "BTF type {id} is of unknown kind {kind}"),
            Self::Truncated(part) => write!(f, "the BTF is cut short or inconsistent: {part}"),
        }
    }
}

impl std::error::Error for BtfError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}

/// The types of one kernel.
pub struct Btf {
    bytes: Vec<u8>,
    /// The names, in `bytes`.
    strings: Range<usize>,
    /// Where each type begins in `bytes`. Id 0 is `void`, which is not stored.
    types: Vec<usize>,
    /// Hash of space and name, and id, sorted: far cheaper to build than a map of strings.
    index: Vec<(u64, u32)>,
}

/// C's name spaces, as far as anything is looked up by name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Space {
    Structure,
    Enumeration,
    Typedef,
    Function,
}

impl Space {
    fn of(kind: u32) -> Option<Self> {
        match kind {
            kind::STRUCT | kind::UNION => Some(Self::Structure),
            kind::ENUM | kind::ENUM64 => Some(Self::Enumeration),
            kind::TYPEDEF => Some(Self::Typedef),
            kind::FUNC => Some(Self::Function),
            _ => None,
        }
    }
}

/// `struct btf_type`, and where what follows it begins.
#[derive(Clone, Copy)]
struct Type {
    name: u32,
    kind: u32,
    /// How many members, values or parameters follow.
    len: usize,
    /// Structure: offsets hold bit-field sizes. Enumeration: values are signed.
    flag: bool,
    /// A size or the id of another type, by kind.
    size_or_type: u32,
    /// Index of what follows in `Btf::bytes`.
    data: usize,
}

impl Btf {
    /// Reads the running kernel's BTF.
    pub fn from_sys_fs() -> Result<Self, BtfError> {
        Self::from_bytes(fs::read(VMLINUX).map_err(BtfError::Unreadable)?)
    }

    /// Reads BTF of this machine's byte order.
    pub fn parse(bytes: &[u8]) -> Result<Self, BtfError> {
        Self::from_bytes(bytes.to_vec())
    }

    fn from_bytes(bytes: Vec<u8>) -> Result<Self, BtfError> {
        let (types, strings) = sections(&bytes)?;
        let mut btf = Self {
            bytes,
            strings,
            types: vec![0],
            index: Vec::new(),
        };
        btf.index_types(types)?;
        btf.index.sort_unstable();
        Ok(btf)
    }

    fn index_types(&mut self, section: Range<usize>) -> Result<(), BtfError> {
        const CUT: BtfError = BtfError::Truncated("type");
        let mut at = section.start;
        while at < section.end {
            let id = self.types.len();
            let ty = self.type_at(at).ok_or(CUT)?;
            let extra =
                extra_len(ty.kind, ty.len).ok_or(BtfError::UnknownKind { id, kind: ty.kind })?;
            at = ty.data + extra;
            if at > section.end {
                return Err(CUT);
            }
            self.types.push(at - extra - TYPE_LEN);
            if let (Some(space), true) = (Space::of(ty.kind), ty.name != 0) {
                let name = self.name(ty.name).ok_or(BtfError::Truncated("name"))?;
                let id = u32::try_from(id).map_err(|_| CUT)?;
                self.index.push((hash(space, name), id));
            }
        }
        Ok(())
    }

    /// The types of that name: C allows one of each in a file, but the kernel has many files.
    fn named<'a>(&'a self, space: Space, name: &'a str) -> impl Iterator<Item = Type> + 'a {
        let hash = hash(space, name.as_bytes());
        let start = self.index.partition_point(|entry| entry.0 < hash);
        let same_hash = self
            .index
            .iter()
            .skip(start)
            .take_while(move |entry| entry.0 == hash);
        same_hash
            .filter_map(|entry| self.get(entry.1))
            .filter(move |ty| Space::of(ty.kind) == Some(space) && self.is_named(ty.name, name))
    }

    /// The type with that id; nothing for `void`.
    fn get(&self, id: u32) -> Option<Type> {
        if id == 0 {
            return None;
        }
        self.type_at(*self.types.get(usize::try_from(id).ok()?)?)
    }

    fn type_at(&self, at: usize) -> Option<Type> {
        let info = self.u32(at + 4)?;
        Some(Type {
            name: self.u32(at)?,
            // Bits 16 to 23, 29 and 30 were reserved as 0 at first: taken as parts of the number
            // beside them, they cannot pass unnoticed.
            kind: info >> 24 & 0x7f,
            len: usize::try_from(info & 0x00ff_ffff).ok()?,
            flag: info >> 31 != 0,
            size_or_type: self.u32(at + 8)?,
            data: at + TYPE_LEN,
        })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        read_u32(&self.bytes, at)
    }

    /// The strings from `offset` on.
    fn tail(&self, offset: u32) -> Option<&[u8]> {
        let strings = self.bytes.get(self.strings.clone())?;
        strings.get(usize::try_from(offset).ok()?..)
    }

    fn name(&self, offset: u32) -> Option<&[u8]> {
        self.tail(offset)?.split(|byte| *byte == 0).next()
    }

    fn str(&self, offset: u32) -> Option<&str> {
        std::str::from_utf8(self.name(offset)?).ok()
    }

    fn is_named(&self, offset: u32, name: &str) -> bool {
        let rest = self
            .tail(offset)
            .and_then(|tail| tail.strip_prefix(name.as_bytes()));
        rest.and_then(<[u8]>::first) == Some(&0)
    }
}

/// Checks the header (`struct btf_header`); the ranges of types and of strings.
fn sections(bytes: &[u8]) -> Result<(Range<usize>, Range<usize>), BtfError> {
    const CUT: BtfError = BtfError::Truncated("header");
    let (magic, rest) = bytes.split_first_chunk().ok_or(CUT)?;
    match u16::from_ne_bytes(*magic) {
        MAGIC => {}
        other if other.swap_bytes() == MAGIC => return Err(BtfError::WrongEndian),
        _ => return Err(BtfError::NotBtf),
    }
    match rest.first().ok_or(CUT)? {
        1 => {}
        version => return Err(BtfError::UnknownVersion(*version)),
    }
    let field = |at| read_u32(bytes, at).and_then(|value| usize::try_from(value).ok());
    let header = field(4).filter(|len| *len >= HEADER_LEN).ok_or(CUT)?;
    let section = |at| {
        let start = header.checked_add(field(at)?)?;
        let end = start.checked_add(field(at + 4)?)?;
        (end <= bytes.len()).then_some(start..end)
    };
    let types = section(8).ok_or(BtfError::Truncated("types"))?;
    let strings = section(16).ok_or(BtfError::Truncated("strings"))?;
    let names = &bytes[strings.clone()];
    // The empty name is the first, and the last one ends: so every name that begins also ends.
    if names.first() != Some(&0) || names.last() != Some(&0) {
        return Err(BtfError::Truncated("strings"));
    }
    Ok((types, strings))
}

/// How many bytes follow `struct btf_type`; nothing for a kind that is not known.
fn extra_len(kind: u32, len: usize) -> Option<usize> {
    match kind {
        kind::INT | kind::VAR | kind::DECL_TAG => Some(4),
        kind::ARRAY => Some(12),
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => Some(len * 12),
        kind::ENUM | kind::FUNC_PROTO => Some(len * 8),
        kind::PTR
        | kind::FWD
        | kind::TYPEDEF
        | kind::VOLATILE
        | kind::CONST
        | kind::RESTRICT
        | kind::FUNC
        | kind::FLOAT
        | kind::TYPE_TAG => Some(0),
        _ => None,
    }
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let chunk = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*chunk))
}

/// FNV-1a. Names are compared too, so a collision costs time and nothing else.
fn hash(space: Space, name: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ space as u64;
    name.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
