//! Debian's archive, by an apt configuration of its own: nothing is installed on this host.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step;

const SOURCES: &str = "\
deb http://deb.debian.org/debian bullseye main
deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian trixie main
deb http://deb.debian.org/debian sid main
";

/// The archive, and where what comes from it is kept.
pub(super) struct Archive {
    directory: PathBuf,
}

impl Archive {
    /// Prepares the configuration; nothing is fetched yet.
    pub(super) fn new(cache: &Path) -> Result<Self> {
        let directory = cache.join("apt");
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(directory.join(part))?;
        }
        fs::write(directory.join("sources.list"), SOURCES)?;
        let at = directory.display();
        let configuration = format!(
            "Dir::Etc::SourceList \"{at}/sources.list\";\n\
             Dir::Etc::SourceParts \"/dev/null\";\n\
             Dir::State::Lists \"{at}/lists\";\n\
             Dir::Cache \"{at}/cache\";\n\
             APT::Sandbox::User \"root\";\n\
             APT::Architecture \"amd64\";\n"
        );
        fs::write(directory.join("apt.conf"), configuration)?;
        Ok(Self { directory })
    }

    /// Names of the packages that match a pattern of apt-cache's.
    pub(super) fn names(&self, pattern: &str) -> Result<Vec<String>> {
        let has_lists = fs::read_dir(self.directory.join("lists"))?.count() > 2;
        if !has_lists {
            step::check(self.apt("apt-get").args(["update", "--quiet"]))?;
        }
        let mut search = self.apt("apt-cache");
        let found = step::output(search.args(["search", "--names-only", pattern]))?;
        Ok(found
            .lines()
            .filter_map(|line| line.split(' ').next())
            .map(str::to_owned)
            .collect())
    }

    /// Fetches packages, and unpacks them into `into`, unless that was done before.
    pub(super) fn unpack(&self, packages: &[String], into: &Path) -> Result<()> {
        let done = into.join("unpacked");
        let list = packages.join(" ");
        if fs::read_to_string(&done).is_ok_and(|before| before == list) {
            return Ok(());
        }
        let debs = into.join("debs");
        fs::create_dir_all(&debs)?;
        let mut fetch = self.apt("apt-get");
        fetch
            .args(["download", "--quiet"])
            .args(packages)
            .current_dir(&debs);
        step::check(&mut fetch)
            .with_context(|| format!("cannot fetch {list} (is there a network?)"))?;
        for entry in fs::read_dir(&debs)? {
            let deb = entry?.path();
            step::check(Command::new("dpkg-deb").arg("--extract").args([&deb, into]))?;
        }
        fs::remove_dir_all(&debs)?;
        fs::write(done, list)?;
        Ok(())
    }

    /// A static busybox: the guest's small programs, and its modprobe.
    pub(super) fn busybox(&self) -> Result<PathBuf> {
        let into = self.directory.join("busybox");
        let found = ["usr/bin/busybox", "bin/busybox"].map(|path| into.join(path));
        if let Some(path) = found.iter().find(|path| path.is_file()) {
            return Ok(path.clone());
        }
        if self.names("^busybox-static$")?.is_empty() {
            bail!("Debian's archive lists no busybox-static: remove target/vm/apt and try again");
        }
        self.unpack(&["busybox-static".to_owned()], &into)?;
        let path = found.into_iter().find(|path| path.is_file());
        path.context("the package busybox-static holds no busybox")
    }

    /// Where the files of a kernel are kept.
    pub(super) fn place(&self, release: &str) -> PathBuf {
        self.directory.with_file_name(release)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .arg("--config-file")
            .arg(self.directory.join("apt.conf"));
        command
    }
}
