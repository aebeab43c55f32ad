//! Which files a rotated trace consists of: `FILE` is the one that is written, the older ones lie
//! beside it, named by when they ended (`trace-20261124T151344Z.jsonl.gz`).

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;

/// When a part is over, and how many older ones are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// A part that has become so large is over, bytes.
    pub size: u64,
    /// A part that was begun so long ago is over.
    pub age: Option<Duration>,
    /// Older parts that are kept at most.
    pub keep: usize,
}

/// What orders parts: when they ended, and which of that second they are.
type Age = (String, u32);

/// The names of one trace's parts.
#[derive(Clone, Debug)]
pub struct Parts {
    directory: PathBuf,
    stem: String,
    endings: String,
}

impl Parts {
    /// Those of the trace that is written to `path`.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // The last ending, and the one before it where the last is a compression's.
        let packed = name.len()
            - name
                .strip_suffix(".gz")
                .or(name.strip_suffix(".zst"))
                .unwrap_or(&name)
                .len();
        let plain = &name[..name.len() - packed];
        let at = plain.rfind('.').filter(|&at| at > 0).unwrap_or(plain.len());
        Self {
            directory: match path.parent() {
                Some(parent) if parent != Path::new("") => parent.to_owned(),
                _ => PathBuf::from("."),
            },
            stem: name[..at].to_owned(),
            endings: name[at..].to_owned(),
        }
    }

    /// Moves the file at `path` aside, if there is one with something in it.
    ///
    /// # Errors
    /// Where it cannot be renamed.
    pub fn put_aside(&self, path: &Path) -> io::Result<()> {
        let metadata = match fs::metadata(path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
            metadata => metadata?,
        };
        if !metadata.is_file() || metadata.len() == 0 {
            return Ok(());
        }
        let ended = Timestamp::try_from(metadata.modified()?).unwrap_or(Timestamp::UNIX_EPOCH);
        let time = ended.strftime("%Y%m%dT%H%M%SZ").to_string();
        // Above those of the same second that have been removed.
        let same = self.all()?.into_iter().filter(|((its, _), _)| *its == time);
        let nth = same.map(|((_, nth), _)| nth).max().unwrap_or(0) + 1;
        fs::rename(path, self.directory.join(self.name(&time, nth)))
    }

    /// Removes the oldest parts, so that `keep` are left.
    ///
    /// # Errors
    /// Where the directory cannot be read, or a file not be removed.
    pub fn prune(&self, keep: usize) -> io::Result<()> {
        let mut parts = self.all()?;
        parts.sort();
        let spare = parts.len().saturating_sub(keep);
        parts
            .iter()
            .take(spare)
            .try_for_each(|(_, path)| fs::remove_file(path))
    }

    /// The older parts that are there, with what orders them.
    fn all(&self) -> io::Result<Vec<(Age, PathBuf)>> {
        let entries = fs::read_dir(&self.directory)?.filter_map(Result::ok);
        let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
        Ok(files
            .filter_map(|entry| Some((self.age_of(&entry.file_name())?, entry.path())))
            .collect())
    }

    fn name(&self, time: &str, nth: u32) -> OsString {
        let again = if nth == 1 {
            String::new()
        } else {
            format!("-{nth}")
        };
        format!("{}-{time}{again}{}", self.stem, self.endings).into()
    }

    /// `None` for a name that is not exactly one of ours.
    fn age_of(&self, name: &OsStr) -> Option<Age> {
        let name = name.to_str()?;
        let rest = name.strip_prefix(&self.stem)?.strip_prefix('-')?;
        let rest = rest.strip_suffix(&self.endings)?;
        let (time, nth) = rest.split_once('-').unwrap_or((rest, "1"));
        let nth = nth.parse().ok()?;
        let is_time = time.len() == 16
            && time.char_indices().all(|(at, c)| match at {
                8 => c == 'T',
                15 => c == 'Z',
                _ => c.is_ascii_digit(),
            });
        (is_time && self.name(time, nth) == OsStr::new(name)).then(|| (time.to_owned(), nth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_stands_before_the_endings() {
        for (path, expected) in [
            ("trace.jsonl", "trace-20261124T151344Z.jsonl"),
            ("/var/a.b/trace.jsonl.gz", "trace-20261124T151344Z.jsonl.gz"),
            ("web.1.json.zst", "web.1-20261124T151344Z.json.zst"),
            ("trace", "trace-20261124T151344Z"),
            (".hidden", ".hidden-20261124T151344Z"),
        ] {
            let parts = Parts::of(Path::new(path));
            assert_eq!(parts.name("20261124T151344Z", 1), OsStr::new(expected));
        }
    }

    #[test]
    fn only_its_own_parts_are_known() {
        let parts = Parts::of(Path::new("trace.jsonl"));
        for (name, known) in [
            ("trace-20261124T151344Z.jsonl", true),
            ("trace-20261124T151344Z-12.jsonl", true),
            ("trace.jsonl", false),
            ("trace-20261124T151344Z-012.jsonl", false),
            ("trace-20261124T151344Z.jsonl.gz", false),
            ("trace-web-20261124T151344Z.jsonl", false),
            ("trace-2026112415134400.jsonl", false),
            ("trace-copy.jsonl", false),
        ] {
            assert_eq!(parts.age_of(OsStr::new(name)).is_some(), known, "{name}");
        }
        let age = |name: &str| parts.age_of(OsStr::new(name));
        assert!(age("trace-20261124T151344Z-2.jsonl") < age("trace-20261124T151344Z-10.jsonl"));
        assert!(age("trace-20261124T151344Z-10.jsonl") < age("trace-20261124T151345Z.jsonl"));
    }

    #[test]
    fn the_newest_are_kept() {
        let directory = std::env::temp_dir().join(format!("tcpwhy-parts-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("trace.jsonl");
        let parts = Parts::of(&path);
        fs::write(directory.join("trace-mine.jsonl"), "x").unwrap();
        for text in ["1", "2", "3", "4"] {
            fs::write(&path, text).unwrap();
            parts.put_aside(&path).unwrap();
            parts.prune(2).unwrap();
        }
        parts.put_aside(&path).unwrap();
        let mut held: Vec<String> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        held.sort();
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(held, ["3", "4", "x"]);
    }
}
