//! How a trace is packed, told by the ending of its file's name.

use std::{io, io::Write as _, path::Path};

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// Plain lines, or compressed ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// As they are.
    Plain,
    /// RFC 1952 (`.gz`).
    Gzip,
    /// RFC 8878 (`.zst`).
    Zstd,
}

impl Codec {
    /// The one that a file's name asks for.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("gz") => Self::Gzip,
            Some("zst") => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// Packs lines into a piece that can be unpacked by itself. Pieces one after the other are a
    /// valid file: gzip's members (RFC 1952, 2.2) and zstd's frames (RFC 8878, 3) may be joined.
    ///
    /// # Errors
    /// Where the library fails: for want of memory.
    pub fn pack(self, lines: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(lines),
            Self::Gzip => {
                let mut packer =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                packer.write_all(&lines)?;
                packer.finish()
            }
            Self::Zstd => Ok(compress_to_vec(&lines[..], CompressionLevel::Fastest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::trace::open;

    #[test]
    fn the_ending_decides() {
        for (name, codec) in [
            ("trace.jsonl", Codec::Plain),
            ("trace", Codec::Plain),
            ("trace.jsonl.gz", Codec::Gzip),
            ("/a.gz/trace.zst", Codec::Zstd),
            (".gz", Codec::Plain),
        ] {
            assert_eq!(Codec::of(Path::new(name)), codec, "{name}");
        }
    }

    #[test]
    fn pieces_one_after_the_other_are_one_file() {
        for codec in [Codec::Plain, Codec::Gzip, Codec::Zstd] {
            let mut file = codec.pack(b"one\n".to_vec()).unwrap();
            file.extend(codec.pack(b"two\n".to_vec()).unwrap());
            let mut text = String::new();
            open::unpack(io::Cursor::new(file))
                .unwrap()
                .bytes
                .read_to_string(&mut text)
                .unwrap();
            assert_eq!(text, "one\ntwo\n", "{codec:?}");
        }
    }
}
