//! A file that holds whole pieces only: one that could not be written wholly is taken back.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::{
        fd::AsFd as _,
        unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    },
    path::Path,
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

/// Of the file's owner alone.
const MODE: u32 = 0o600;

/// A file, or what else can be written to (a pipe, a terminal), where nothing can be taken back.
#[derive(Debug)]
pub struct PieceFile {
    file: Target,
    regular: bool,
    bytes: u64,
}

/// A file is locked (flock(2)) while it is written: two that write one file spoil it.
#[derive(Debug)]
enum Target {
    Locked(Flock<File>),
    Other(File),
}

impl Target {
    fn get(&mut self) -> &mut File {
        match self {
            Self::Locked(file) => file,
            Self::Other(file) => file,
        }
    }
}

/// Whether another process is writing the file at `path`; false where there is no file.
///
/// # Errors
/// Where it cannot be opened.
pub fn is_busy(path: &Path) -> io::Result<bool> {
    // A pipe would wait for its other end.
    if !fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(false);
    }
    Ok(lock(File::open(path)?).is_err())
}

fn lock(file: File) -> io::Result<Flock<File>> {
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        Errno::EWOULDBLOCK => {
            let why = "another process is writing it";
            io::Error::new(io::ErrorKind::WouldBlock, why)
        }
        errno => errno.into(),
    })
}

impl PieceFile {
    /// Opens a file that only its owner may read (mode 0600); what it held goes. `-` is standard
    /// output.
    ///
    /// # Errors
    /// Where it cannot be opened, or another process is writing it.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = if path.as_os_str() == "-" {
            File::from(io::stdout().as_fd().try_clone_to_owned()?)
        } else {
            // Appending, so that whoever empties the file meanwhile gets no hole in it.
            OpenOptions::new()
                .append(true)
                .create(true)
                .mode(MODE)
                .open(path)?
        };
        let regular = path.as_os_str() != "-" && file.metadata()?.is_file();
        let file = if regular {
            let file = lock(file)?;
            file.set_permissions(Permissions::from_mode(MODE))?;
            file.set_len(0)?;
            Target::Locked(file)
        } else {
            Target::Other(file)
        };
        Ok(Self {
            file,
            regular,
            bytes: 0,
        })
    }

    /// Bytes written so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// True for a file on a disk: what is no file cannot be rotated.
    #[must_use]
    pub fn is_regular(&self) -> bool {
        self.regular
    }

    /// Appends a piece, or nothing.
    ///
    /// # Errors
    /// What the kernel said; nothing of the piece is in the file then, as far as it is one.
    pub fn append(&mut self, piece: &[u8]) -> io::Result<()> {
        let mut written = 0;
        let failed = loop {
            match self.file.get().write(&piece[written..]) {
                Ok(0) if written < piece.len() => break io::ErrorKind::WriteZero.into(),
                Ok(bytes) => written += bytes,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => break why,
            }
            if written == piece.len() {
                self.bytes += written as u64;
                return Ok(());
            }
        };
        if self.regular && written > 0 {
            let file = self.file.get();
            let len = file.metadata()?.len();
            file.set_len(len.saturating_sub(written as u64))?;
        }
        Err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_for_its_owner_only_and_new() {
        let path = std::env::temp_dir().join(format!("tcpwhy-piece-{}", std::process::id()));
        fs::write(&path, "what was there before").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let mut file = PieceFile::create(&path).unwrap();
        file.append(b"one\n").unwrap();
        file.append(b"two\n").unwrap();
        let (text, mode) = (
            fs::read_to_string(&path).unwrap(),
            fs::metadata(&path).unwrap().permissions().mode(),
        );
        fs::remove_file(&path).unwrap();
        assert_eq!(text, "one\ntwo\n");
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(file.bytes(), 8);
    }

    #[test]
    fn one_writer_at_a_time() {
        let path = std::env::temp_dir().join(format!("tcpwhy-busy-{}", std::process::id()));
        assert!(!is_busy(&path).unwrap());
        let mut file = PieceFile::create(&path).unwrap();
        file.append(b"one\n").unwrap();
        assert!(is_busy(&path).unwrap());
        let why = PieceFile::create(&path).unwrap_err();
        assert!(why.to_string().contains("another process"), "{why}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
        drop(file);
        assert!(!is_busy(&path).unwrap());
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn what_is_no_file_is_written_to_as_it_is() {
        let mut file = PieceFile::create(Path::new("/dev/full")).unwrap();
        assert!(!file.is_regular());
        let why = file.append(b"x").unwrap_err();
        assert_eq!(why.kind(), io::ErrorKind::StorageFull);
    }
}
