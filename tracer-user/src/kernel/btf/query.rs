//! What is asked of BTF.

use super::{Btf, Space, Type, kind, read_u32};

/// Chains of typedefs and nested anonymous structures are a few deep; a cycle is not BTF.
const MAX_DEPTH: u32 = 32;

/// Members looked at in one search. `task_struct` has some hundreds; without a limit, anonymous
/// structures that hold each other twice would be searched for ever.
const MAX_MEMBERS: u32 = 100_000;

/// Bytes of a pointer: BPF tracing is for 64-bit kernels.
const POINTER_SIZE: u32 = 8;

/// Where a field lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Bytes from the start of the outermost structure: for a bit-field, to the byte that holds
    /// its first bit.
    pub byte_offset: u32,
    /// Bits from there; 0 unless it is a bit-field.
    pub bit_offset: u32,
    /// Its width in bits.
    pub bit_size: u32,
    /// Size of its type: for a bit-field, of the type it is declared with.
    pub byte_size: u32,
}

/// Type of one argument of a tracepoint, without `const`, `volatile` and typedefs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument<'a> {
    /// A pointer to the type of that name; `""` for `void` and types without name.
    Pointer(&'a str),
    /// An enumeration.
    Enum(&'a str),
    /// An integer.
    Int {
        /// Bytes.
        size: u32,
        /// Whether it is signed.
        signed: bool,
    },
    /// Anything else.
    Other,
}

/// A member before its size is known.
struct Found {
    bits: u64,
    /// 0 unless it is a bit-field.
    width: u32,
    type_id: u32,
}

impl Btf {
    /// The field at `path` in a structure or union: names joined by dots, anonymous structures
    /// and unions left out, as in C.
    pub fn member(&self, structure: &str, path: &str) -> Option<Member> {
        self.named(Space::Structure, structure)
            .find_map(|ty| self.walk(ty, path))
    }

    /// Bytes of a structure or union.
    pub fn type_size(&self, structure: &str) -> Option<u32> {
        self.named(Space::Structure, structure)
            .next()
            .map(|ty| ty.size_or_type)
    }

    /// Names and values of an enumeration; of several with that name, the largest.
    ///
    /// Kernels before 6.0 do not say whether values are signed: a negative one is then given as
    /// its unsigned 32 bits.
    pub fn enumerators(&self, name: &str) -> Option<Vec<(String, i64)>> {
        let ty = self
            .named(Space::Enumeration, name)
            .max_by_key(|ty| ty.len)?;
        (0..ty.len)
            .map(|index| self.enumerator(&ty, index))
            .collect()
    }

    /// Arguments of a tracepoint as BPF programs get them, from the prototype that the kernel
    /// keeps for it (`typedef void (*btf_trace_NAME)(void *, ...)`, include/trace/bpf_probe.h).
    pub fn tracepoint_arguments(&self, tracepoint: &str) -> Option<Vec<Argument<'_>>> {
        let name = format!("btf_trace_{tracepoint}");
        let typedef = self.named(Space::Typedef, &name).next()?;
        let pointer = self.follow(typedef.size_or_type)?;
        let prototype =
            self.follow((pointer.kind == kind::PTR).then_some(pointer.size_or_type)?)?;
        if prototype.kind != kind::FUNC_PROTO {
            return None;
        }
        // The first parameter is the probe's own `void *`.
        let types = (1..prototype.len).map(|index| self.u32(prototype.data + index * 8 + 4));
        types.map(|id| Some(self.argument(id?))).collect()
    }

    /// Whether the kernel has a function of that name in its BTF. It may still refuse to have it
    /// traced.
    pub fn has_function(&self, name: &str) -> bool {
        self.named(Space::Function, name).next().is_some()
    }

    /// Whether there is a structure, union, enumeration or typedef of that name.
    pub fn has_type(&self, name: &str) -> bool {
        let spaces = [Space::Structure, Space::Enumeration, Space::Typedef];
        spaces
            .into_iter()
            .any(|space| self.named(space, name).next().is_some())
    }

    fn walk(&self, mut ty: Type, path: &str) -> Option<Member> {
        let mut left = MAX_MEMBERS;
        let mut bits = 0;
        let mut segments = path.split('.').peekable();
        while let Some(segment) = segments.next() {
            let found = self.find(&ty, segment, MAX_DEPTH, &mut left)?;
            bits += found.bits;
            if segments.peek().is_none() {
                return self.finish(&found, bits);
            }
            ty = self.follow(found.type_id)?;
        }
        None
    }

    /// The member of that name, in anonymous members too.
    fn find(&self, ty: &Type, name: &str, depth: u32, left: &mut u32) -> Option<Found> {
        if !matches!(ty.kind, kind::STRUCT | kind::UNION) {
            return None;
        }
        let depth = depth.checked_sub(1)?;
        for index in 0..ty.len {
            *left = left.checked_sub(1)?;
            let (member, found) = self.raw_member(ty, index)?;
            if member != 0 && self.is_named(member, name) {
                return Some(found);
            }
            if member == 0 {
                let inner = self.follow(found.type_id);
                let inner = inner.and_then(|inner| self.find(&inner, name, depth, left));
                if let Some(inner) = inner {
                    return Some(Found {
                        bits: found.bits + inner.bits,
                        ..inner
                    });
                }
            }
        }
        None
    }

    /// `struct btf_member`: its name and place.
    fn raw_member(&self, ty: &Type, index: usize) -> Option<(u32, Found)> {
        let raw = self.bytes.get(ty.data + index * 12..)?;
        let offset = read_u32(raw, 8)?;
        let (bits, width) = if ty.flag {
            (offset & 0x00ff_ffff, offset >> 24)
        } else {
            (offset, 0)
        };
        let found = Found {
            bits: u64::from(bits),
            width,
            type_id: read_u32(raw, 4)?,
        };
        Some((read_u32(raw, 0)?, found))
    }

    fn finish(&self, found: &Found, bits: u64) -> Option<Member> {
        let byte_size = self.size_of(found.type_id)?;
        let bit_size = if found.width == 0 {
            byte_size.checked_mul(8)?
        } else {
            found.width
        };
        Some(Member {
            byte_offset: u32::try_from(bits / 8).ok()?,
            bit_offset: u32::try_from(bits % 8).ok()?,
            bit_size,
            byte_size,
        })
    }

    /// The type behind typedefs and qualifiers; nothing for `void`.
    fn follow(&self, id: u32) -> Option<Type> {
        let mut ty = self.get(id)?;
        for _ in 0..MAX_DEPTH {
            match ty.kind {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    ty = self.get(ty.size_or_type)?;
                }
                _ => return Some(ty),
            }
        }
        None
    }

    fn size_of(&self, mut id: u32) -> Option<u32> {
        let mut count = 1u32;
        for _ in 0..MAX_DEPTH {
            let ty = self.follow(id)?;
            match ty.kind {
                kind::INT
                | kind::STRUCT
                | kind::UNION
                | kind::ENUM
                | kind::ENUM64
                | kind::FLOAT => {
                    return count.checked_mul(ty.size_or_type);
                }
                kind::PTR => return count.checked_mul(POINTER_SIZE),
                // `struct btf_array`: type, index type, number of elements.
                kind::ARRAY => {
                    count = count.checked_mul(self.u32(ty.data + 8)?)?;
                    id = self.u32(ty.data)?;
                }
                _ => return None,
            }
        }
        None
    }

    /// `struct btf_enum` or `struct btf_enum64`.
    fn enumerator(&self, ty: &Type, index: usize) -> Option<(String, i64)> {
        let len = if ty.kind == kind::ENUM { 8 } else { 12 };
        let raw = self.bytes.get(ty.data + index * len..)?;
        let low = read_u32(raw, 4)?;
        let value = match (ty.kind, ty.flag) {
            (kind::ENUM, true) => i64::from(low.cast_signed()),
            (kind::ENUM, false) => i64::from(low),
            _ => (u64::from(read_u32(raw, 8)?) << 32 | u64::from(low)).cast_signed(),
        };
        Some((self.str(read_u32(raw, 0)?)?.to_owned(), value))
    }

    fn argument(&self, id: u32) -> Argument<'_> {
        let Some(ty) = self.follow(id) else {
            return Argument::Other;
        };
        match ty.kind {
            kind::PTR => {
                let name = self
                    .follow(ty.size_or_type)
                    .and_then(|to| self.str(to.name));
                Argument::Pointer(name.unwrap_or_default())
            }
            kind::ENUM | kind::ENUM64 => Argument::Enum(self.str(ty.name).unwrap_or_default()),
            // The lowest bit of the encoding, which is the highest byte, is the sign.
            kind::INT => Argument::Int {
                size: ty.size_or_type,
                signed: self.u32(ty.data).is_some_and(|int| int >> 24 & 1 != 0),
            },
            _ => Argument::Other,
        }
    }
}
