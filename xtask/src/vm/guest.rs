//! What the guest finds: this host's own programs with their libraries, the lab, and tcpwhy.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::initramfs::Initramfs;
use super::kernel::Fetched;
use crate::project::Project;
use crate::step;

/// Programs that the lab runs, besides Python and what busybox is good enough for.
const PROGRAMS: [(&str, &str); 10] = [
    ("ip", "iproute2"),
    ("tc", "iproute2"),
    ("ss", "iproute2"),
    ("nstat", "iproute2"),
    ("nft", "nftables"),
    ("iptables-legacy", "iptables"),
    ("ip6tables-legacy", "iptables"),
    ("curl", "curl"),
    ("nc", "netcat-openbsd"),
    ("sh", "dash"),
];
/// Where Debian has programs, in the order of a root's path.
const PATH: [&str; 2] = ["/usr/sbin", "/usr/bin"];
/// Python, its library, and what iptables and ip read.
const PYTHON: &str = "/usr/bin/python3";
const TREES: [&str; 2] = ["/usr/lib/x86_64-linux-gnu/xtables", "/etc/iproute2"];
/// Parts of Python's library that no client imports.
const UNUSED: [&str; 6] = [
    "test",
    "idlelib",
    "ensurepip",
    "__pycache__",
    "lib2to3",
    "unittest",
];

/// All files of a guest that runs `command`.
pub(super) fn files(
    project: &Project,
    kernel: &Fetched,
    busybox: &Path,
    command: &str,
) -> Result<Initramfs> {
    let mut files = Initramfs::new();
    for directory in ["/proc", "/sys", "/dev/net", "/tmp", "/run", "/root", "/etc"] {
        files.directory(directory);
    }
    for (program, package) in PROGRAMS {
        let found = PATH.map(|directory| Path::new(directory).join(program));
        let Some(path) = found.iter().find(|path| path.is_file()) else {
            bail!("no {program} on this host: install the Debian package {package}");
        };
        with_libraries(&mut files, path, &path.to_string_lossy())?;
    }
    python(&mut files)?;
    for directory in TREES {
        tree(&mut files, Path::new(directory), directory)?;
    }
    for program in ["tcpwhy", "lab"] {
        with_libraries(
            &mut files,
            &project.release(program),
            &format!("/opt/{program}"),
        )?;
    }
    // The lab knows where its clients are in the source.
    let clients = project.root.join("tests/clients");
    tree(&mut files, &clients, &clients.to_string_lossy())?;
    let modules = format!("/usr/lib/modules/{}", kernel.release);
    tree(&mut files, &kernel.modules, &modules)?;
    small_programs(&mut files, busybox)?;
    files.text("/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    files.text("/etc/hosts", "127.0.0.1 localhost\n");
    files.text("/command", command);
    files.text("/init", include_str!("init.sh"));
    Ok(files)
}

/// A program of this host under its own name (not the one that a link leads to), and what the
/// dynamic linker needs for it.
fn with_libraries(files: &mut Initramfs, from: &Path, to: &str) -> Result<()> {
    files.copy(from, to);
    // Fails for what is static.
    let libraries = Command::new("ldd")
        .arg(from)
        .output()
        .context("cannot run ldd")?;
    let text = String::from_utf8_lossy(&libraries.stdout).into_owned();
    for word in text.split_whitespace().filter(|word| word.starts_with('/')) {
        files.copy(Path::new(word), word);
    }
    Ok(())
}

fn python(files: &mut Initramfs) -> Result<()> {
    let python = Path::new(PYTHON);
    if !python.is_file() {
        bail!("no {PYTHON} on this host: install the Debian package python3");
    }
    with_libraries(files, python, PYTHON)?;
    let ask = "import sysconfig; print(sysconfig.get_path('stdlib'))";
    let library = step::output(Command::new(python).args(["-I", "-c", ask]))?;
    let library = library.trim();
    tree(files, Path::new(library), library)?;
    for entry in fs::read_dir(Path::new(library).join("lib-dynload"))? {
        let path = entry?.path();
        with_libraries(files, &path, &path.to_string_lossy())?;
    }
    Ok(())
}

/// A directory of this host, links followed.
fn tree(files: &mut Initramfs, from: &Path, to: &str) -> Result<()> {
    let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let to = format!("{to}/{name}");
        if path.is_file() {
            files.copy(&path, &to);
        } else if path.is_dir() && !UNUSED.contains(&name.as_str()) {
            tree(files, &path, &to)?;
        }
    }
    Ok(())
}

/// busybox, by each of its names that is not taken; its modprobe is what the kernel calls.
fn small_programs(files: &mut Initramfs, busybox: &Path) -> Result<()> {
    files.copy(busybox, "/usr/bin/busybox");
    let names = step::output(Command::new(busybox).arg("--list"))?;
    for name in names.lines() {
        let taken = PATH
            .iter()
            .any(|directory| files.has(&format!("{directory}/{name}")));
        if !taken {
            files.link(&format!("/usr/bin/{name}"), "busybox");
        }
    }
    files.link("/usr/sbin/modprobe", "../bin/busybox");
    Ok(())
}
