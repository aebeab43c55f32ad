//! Writes a history, on a thread of its own: meanwhile the ring goes on filling.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use crate::{
    sink::{Dumped, WhenDumped},
    trace::{codec::Codec, piece::PieceFile, rotate::Parts},
};

/// Lines that are packed at one time, at most about so many bytes.
const PIECE_BYTES: usize = 1 << 20;

/// What is written, and what waits for it.
#[derive(Debug)]
pub(super) struct Dumps {
    target: Target,
    writing: Option<JoinHandle<()>>,
}

#[derive(Clone, Debug)]
struct Target {
    path: PathBuf,
    keep: usize,
}

impl Dumps {
    pub(super) fn new(path: PathBuf, keep: usize) -> io::Result<Self> {
        // Whoever asks for it later may be in another directory.
        let path = std::path::absolute(path)?;
        if path.exists() && !fs::metadata(&path)?.is_file() {
            let why = "a history needs a file to be written to";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let target = Target { path, keep };
        // Found out now, and not when it is needed.
        PieceFile::create(&target.unfinished())?;
        fs::remove_file(target.unfinished())?;
        Ok(Self {
            target,
            writing: None,
        })
    }

    /// Forgets a thread that has ended.
    pub(super) fn settle(&mut self) {
        if let Some(writing) = self.writing.take_if(|writing| writing.is_finished()) {
            // It panics nowhere; if it did, there is nothing to be done about it.
            let _ = writing.join();
        }
    }

    /// Begins to write; waits for what is being written already.
    pub(super) fn begin(&mut self, lines: Vec<Arc<[u8]>>, done: WhenDumped) {
        self.wait();
        let target = self.target.clone();
        self.writing = Some(thread::spawn(move || {
            let written = target.write(&lines);
            if let Err(why) = &written {
                let path = target.path.display();
                eprintln!("tcpwhy: cannot write {path}: {why}; the history is still held");
            }
            done(&written);
        }));
    }

    /// Writes, after what is being written already.
    pub(super) fn finish(&mut self, lines: &[Arc<[u8]>]) -> io::Result<()> {
        self.wait();
        self.target.write(lines).map(|_| ())
    }

    fn wait(&mut self) {
        if let Some(writing) = self.writing.take() {
            let _ = writing.join();
        }
    }
}

impl Target {
    /// The file appears when it is whole; one that is there already is put aside.
    fn write(&self, lines: &[Arc<[u8]>]) -> io::Result<Dumped> {
        let unfinished = self.unfinished();
        let written = self.fill(&unfinished, lines).and_then(|()| {
            let parts = Parts::of(&self.path);
            parts.put_aside(&self.path)?;
            fs::rename(&unfinished, &self.path)?;
            // It is written: what is left of others is no reason to say that it is not.
            if let Err(why) = parts.prune(self.keep) {
                eprintln!(
                    "tcpwhy: cannot remove what is too old of {}: {why}",
                    self.path.display()
                );
            }
            Ok(())
        });
        if let Err(why) = written {
            // It is of no use, and takes the space that is missing.
            let _ = fs::remove_file(&unfinished);
            return Err(why);
        }
        let records = lines.len().saturating_sub(2) as u64;
        eprintln!("tcpwhy: wrote {records} records to {}", self.path.display());
        Ok(Dumped {
            file: self.path.clone(),
            records,
        })
    }

    fn fill(&self, unfinished: &Path, lines: &[Arc<[u8]>]) -> io::Result<()> {
        let (codec, mut file) = (Codec::of(&self.path), PieceFile::create(unfinished)?);
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        for line in lines {
            piece.extend_from_slice(line);
            if piece.len() >= PIECE_BYTES {
                file.append(&codec.pack(std::mem::take(&mut piece))?)?;
            }
        }
        file.append(&codec.pack(piece)?)
    }

    fn unfinished(&self) -> PathBuf {
        let mut name = std::ffi::OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(".unfinished");
        self.path.with_file_name(name)
    }
}
