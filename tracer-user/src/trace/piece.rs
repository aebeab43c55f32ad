//! A file that holds whole pieces only: one that could not be written wholly is taken back.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{self, Write},
    os::{
        fd::AsFd as _,
        unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    },
    path::Path,
};

/// Of the file's owner alone.
const MODE: u32 = 0o600;

/// A file, or what else can be written to (a pipe, a terminal), where nothing can be taken back.
#[derive(Debug)]
pub struct PieceFile {
    file: File,
    regular: bool,
    bytes: u64,
}

impl PieceFile {
    /// Opens a file that only its owner may read (mode 0600); what it held goes. `-` is standard
    /// output.
    ///
    /// # Errors
    /// Where it cannot be opened.
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
        if regular {
            file.set_permissions(Permissions::from_mode(MODE))?;
            file.set_len(0)?;
        }
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
            match self.file.write(&piece[written..]) {
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
            let len = self.file.metadata()?.len();
            self.file.set_len(len.saturating_sub(written as u64))?;
        }
        Err(failed)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
    fn what_is_no_file_is_written_to_as_it_is() {
        let mut file = PieceFile::create(Path::new("/dev/full")).unwrap();
        assert!(!file.is_regular());
        let why = file.append(b"x").unwrap_err();
        assert_eq!(why.kind(), io::ErrorKind::StorageFull);
    }
}
