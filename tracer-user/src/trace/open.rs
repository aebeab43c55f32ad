//! Opens a trace: a file or standard input, plain or compressed.

use std::{
    error::Error,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    os::fd::AsFd,
    path::Path,
};

use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// What is read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// What a trace is read from.
pub struct Input {
    pub(super) bytes: BufReader<Box<dyn Read + Send>>,
    /// Whatever is to come is there already: reading ahead never waits for it.
    pub(super) is_there: bool,
}

/// Opens `path`, `-` being standard input. What begins as gzip or zstd does is unpacked while it is
/// read, whatever its name is.
///
/// # Errors
/// Where it cannot be opened, is a directory, or its first bytes cannot be read.
pub fn open(path: &Path) -> io::Result<Input> {
    if path.as_os_str() == "-" {
        return open_file(io::stdin());
    }
    open_file(File::open(path)?)
}

fn open_file(file: impl Read + AsFd + Send + 'static) -> io::Result<Input> {
    let kind = File::from(file.as_fd().try_clone_to_owned()?).metadata()?;
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let input = unpack(file)?;
    Ok(Input {
        is_there: kind.is_file(),
        ..input
    })
}

/// Unpacks what `input` holds, by its first bytes.
///
/// # Errors
/// Where the first bytes cannot be read.
pub fn unpack(input: impl Read + Send + 'static) -> io::Result<Input> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
    let mut magic = Vec::with_capacity(4);
    input.by_ref().take(4).read_to_end(&mut magic)?;
    let whole = io::Cursor::new(magic.clone()).chain(input);
    let plain: Box<dyn Read + Send> = match magic.as_slice() {
        // RFC 1952, 2.3.1; several members may follow each other.
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(whole)),
        // RFC 8878, 3.1.1 (and 3.1.2: skippable frames); several frames may follow each other.
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Box::new(Zstd::new(whole)),
        _ => Box::new(whole),
    };
    Ok(Input {
        bytes: BufReader::with_capacity(BUFFER_BYTES, plain),
        is_there: false,
    })
}

/// The frames of a zstd file, one after the other.
struct Zstd<R> {
    input: R,
    decoder: FrameDecoder,
    /// Within a frame: its header was read, and its last byte not yet handed out.
    within: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            decoder: FrameDecoder::new(),
            within: false,
        }
    }

    /// Begins the next frame; false at the end of the file.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.input.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = self.input.by_ref().take(u64::from(length));
                    io::copy(&mut skipped, &mut io::sink())?;
                }
                Err(why) => return Err(damaged(&why)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.within && !self.begin()? {
                return Ok(0);
            }
            self.within = true;
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|why| damaged(&why))?;
            }
            match self.decoder.read(buffer)? {
                0 => self.within = false,
                read => return Ok(read),
            }
        }
    }
}

/// Why a frame cannot be unpacked, in words.
fn damaged(why: &FrameDecoderError) -> io::Error {
    let mut source: Option<&(dyn Error + 'static)> = Some(why);
    while let Some(why) = source {
        let why_io = why.downcast_ref::<io::Error>();
        if why_io.is_some_and(|why| why.kind() == io::ErrorKind::UnexpectedEof) {
            return io::Error::new(io::ErrorKind::UnexpectedEof, "incomplete zstd frame");
        }
        source = why.source();
    }
    io::Error::other("damaged zstd frame")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        let mut text = String::new();
        unpack(io::Cursor::new(bytes))
            .unwrap()
            .bytes
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text.as_bytes()).unwrap();
        packer.finish().unwrap()
    }

    fn zstd(text: &str) -> Vec<u8> {
        compress_to_vec(text.as_bytes(), CompressionLevel::Fastest)
    }

    #[test]
    fn reads_plain_and_packed_alike() {
        for plain in ["", "{", "{}\n", "more than four bytes\n"] {
            assert_eq!(text(plain.into()), plain);
            assert_eq!(text(gzip(plain)), plain);
            assert_eq!(text(zstd(plain)), plain);
        }
    }

    #[test]
    fn reads_pieces_that_were_joined() {
        assert_eq!(text([gzip("a\n"), gzip("b\n")].concat()), "a\nb\n");
        let skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
        for pieces in [
            [zstd("a\n"), skipped.clone(), zstd("b\n")],
            [skipped, zstd("a\n"), zstd("b\n")],
        ] {
            assert_eq!(text(pieces.concat()), "a\nb\n");
        }
    }

    #[test]
    fn what_cannot_be_opened_is_an_error() {
        assert!(open(Path::new("/nonexistent/trace")).is_err());
        let why = open(&std::env::temp_dir()).err().unwrap();
        assert_eq!(why.kind(), io::ErrorKind::IsADirectory);
    }
}
