//! The kernels: which there are, their packages, and their modules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::debian::Archive;
use crate::step;

/// A kernel series that Debian has, or had.
pub(super) struct Kernel {
    /// As `uname -r` begins.
    pub(super) series: &'static str,
}

/// The oldest that tcpwhy serves, and those with which hooks and reasons changed. The newest one
/// moves on in Debian, so it may be gone some day: that is said.
pub(super) const KERNELS: &[Kernel] = &[
    Kernel { series: "5.10" },
    Kernel { series: "6.1" },
    Kernel { series: "6.12" },
    Kernel { series: "7.2" },
];

/// Their names, for the command line.
pub(super) fn series() -> clap::builder::PossibleValuesParser {
    KERNELS
        .iter()
        .map(|kernel| kernel.series)
        .collect::<Vec<_>>()
        .into()
}

/// A kernel that was fetched.
pub(super) struct Fetched {
    /// `uname -r`.
    pub(super) release: String,
    /// What is booted.
    pub(super) image: PathBuf,
    /// Its modules, with what depmod makes of them, as they lie below `/usr/lib/modules/RELEASE`.
    pub(super) modules: PathBuf,
}

/// Parts of the module tree that the lab may need: networking, and what it computes with.
const MODULES: [&str; 5] = [
    "kernel/net",
    "kernel/lib",
    "kernel/crypto",
    "kernel/drivers/net/veth",
    "kernel/drivers/net/tun",
];

impl Kernel {
    /// Fetches the newest revision, unless one was fetched before.
    pub(super) fn fetch(&self, archive: &Archive, busybox: &Path) -> Result<Fetched> {
        let (release, packages) = self.packages(archive)?;
        let into = archive.place(&release);
        archive.unpack(&packages, &into)?;
        let modules = ["usr/lib/modules", "lib/modules"].map(|path| into.join(path).join(&release));
        let modules = modules
            .into_iter()
            .find(|path| path.join("kernel").is_dir());
        let modules = modules.with_context(|| format!("no modules of {release}"))?;
        let images = [
            into.join("boot").join(format!("vmlinuz-{release}")),
            modules.join("vmlinuz"),
        ];
        let image = images.into_iter().find(|path| path.is_file());
        let image = image.with_context(|| format!("no image of {release}"))?;
        let modules = chosen_modules(&into, &modules, &release, busybox)?;
        Ok(Fetched {
            release,
            image,
            modules,
        })
    }

    /// Release and packages of the newest revision: one package, or, since 7.2, image and modules
    /// on their own.
    fn packages(&self, archive: &Archive) -> Result<(String, Vec<String>)> {
        let series = self.series.replace('.', "\\.");
        let names = archive.names(&format!(
            "^linux-(image|binary|modules)-{series}\\..*cloud-amd64"
        ))?;
        let release = |prefix: &str, suffix: &str| {
            let all = names.iter().filter_map(|name| {
                name.strip_prefix(prefix)?
                    .strip_suffix(suffix)
                    .map(str::to_owned)
            });
            all.filter(|release| release.ends_with("-cloud-amd64"))
                .max_by_key(|release| numbers(release))
        };
        if let Some(release) = release("linux-image-", "-unsigned") {
            let package = format!("linux-image-{release}-unsigned");
            return Ok((release, vec![package]));
        }
        let Some(release) = release("linux-binary-", "") else {
            bail!(
                "Debian's archive has no Linux {} any more, or not yet",
                self.series
            );
        };
        let packages = ["binary", "modules"].map(|part| format!("linux-{part}-{release}"));
        Ok((release, packages.to_vec()))
    }
}

/// The numbers in a release, to compare releases by.
fn numbers(release: &str) -> Vec<u32> {
    release
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

/// Copies the modules that are needed, uncompressed, and computes their dependencies.
fn chosen_modules(into: &Path, from: &Path, release: &str, busybox: &Path) -> Result<PathBuf> {
    let base = into.join("chosen");
    let chosen = base.join("lib/modules").join(release);
    if chosen.join("modules.dep").is_file() {
        return Ok(chosen);
    }
    fs::create_dir_all(&chosen)?;
    for part in MODULES {
        for suffix in ["", ".ko", ".ko.xz"] {
            let source = from.join(format!("{part}{suffix}"));
            let target = chosen.join(format!("{part}{suffix}"));
            if let Some(parent) = target.parent().filter(|_| source.exists()) {
                fs::create_dir_all(parent)?;
                let parent = parent.to_path_buf();
                step::check(
                    Command::new("cp")
                        .args(["-r", "-t"])
                        .args([&parent, &source]),
                )?;
            }
        }
    }
    let unpack = "find \"$0\" -name '*.ko.xz' -exec xz --decompress {} +";
    step::check(Command::new("sh").args(["-euc", unpack]).arg(&chosen))?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if name.to_string_lossy().starts_with("modules.") {
            fs::copy(&path, chosen.join(name))?;
        }
    }
    step::check(
        Command::new(busybox)
            .args(["depmod", "-b"])
            .arg(&base)
            .arg(release),
    )?;
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_ordered_by_number() {
        assert!(numbers("6.1.0-50-cloud-amd64") > numbers("6.1.0-9-cloud-amd64"));
        assert!(numbers("6.12.117+deb13-cloud-amd64") > numbers("6.12.99+deb13-cloud-amd64"));
    }
}
