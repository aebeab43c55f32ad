//! `cargo xtask vm`: the lab on other kernels, in virtual machines.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::project::Project;
use crate::{setup, step};

mod boot;
mod debian;
mod guest;
mod initramfs;
mod kernel;

/// Runs the lab on other kernels: Debian's, in virtual machines without hardware virtualisation.
///
/// Needs apt-get, dpkg and qemu-system-x86_64, and no root. Kernels are fetched once, into
/// target/vm. It takes minutes for each kernel, and so is no part of `cargo xtask test`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask vm                                     every kernel, the usual scenarios
  cargo xtask vm 5.10                                one kernel
  cargo xtask vm 6.1 --scenario no-route             one scenario of the lab
  cargo xtask vm 6.12 --all                          all that the lab can make
  cargo xtask vm 5.10 --run 'tcpwhy doctor'          any command, as root in the guest")]
pub(crate) struct Args {
    /// Kernel series; all that are known where none is named
    #[arg(value_name = "KERNEL", value_parser = kernel::series())]
    kernels: Vec<String>,
    /// A scenario of the lab (`lab --list`), once or more
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// All scenarios of the lab
    #[arg(long, conflicts_with = "scenario")]
    all: bool,
    /// A shell command in the guest instead of the lab
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["scenario", "all"])]
    run: Option<String>,
    /// Seconds after which a guest is taken for stuck
    #[arg(long, value_name = "SECONDS", default_value_t = 1800)]
    timeout: u32,
}

/// What is run unless something else is asked for: each way in which kernels differ.
const USUAL: &str = "refused-loopback refused-remote refused-nonblocking refused-retry \
    refused-five-times no-route route-blackhole route-prohibited router-blackhole \
    neighbour-failed output-drop peer-input-drop peer-input-drop-io-uring peer-reject-port \
    peer-reject-reset router-forward-drop legacy-output-drop ports-exhausted address-in-use \
    abandoned-dropped killed-while-connecting no-answer cgroup-denied healthy happy-eyeballs";

pub(crate) fn run(args: &Args) -> Result<()> {
    if !cfg!(target_arch = "x86_64") {
        bail!("the virtual machines are x86-64 ones, and so must this host be");
    }
    for program in [
        boot::QEMU,
        "apt-get",
        "apt-cache",
        "dpkg-deb",
        "ldd",
        "xz",
        "timeout",
    ] {
        if !step::installed(program) {
            bail!("`{program}` is not installed: virtual machines need it");
        }
    }
    let project = Project::find()?;
    setup::toolchain()?;
    let mut build = project.cargo(["build", "--release", "--locked"]);
    build.args(["--package", "tracer-user", "--bin", "tcpwhy"]);
    step::check(build.args(["--package", "tests", "--bin", "lab"]))?;
    let cache = project.target.join("vm");
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;

    let command = command(args);
    let mut failed = Vec::new();
    for kernel in kernel::KERNELS {
        let wanted = args.kernels.is_empty() || args.kernels.iter().any(|one| one == kernel.series);
        if wanted && let Err(error) = one(&project, &cache, kernel, &command, args.timeout) {
            println!("-- Linux {}: FAILED: {error:#}", kernel.series);
            failed.push(kernel.series);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("not as expected on Linux {}", failed.join(", "))
}

fn command(args: &Args) -> String {
    let lab = "tcpwhy doctor; lab";
    match &args.run {
        Some(command) => command.clone(),
        None if args.all => format!("{lab} --matrix"),
        None if args.scenario.is_empty() => format!("{lab} {USUAL}"),
        None => format!("{lab} {}", args.scenario.join(" ")),
    }
}

fn one(
    project: &Project,
    cache: &Path,
    kernel: &kernel::Kernel,
    command: &str,
    timeout: u32,
) -> Result<()> {
    println!("== Linux {}", kernel.series);
    let archive = debian::Archive::new(cache)?;
    let busybox = archive.busybox()?;
    let kernel = kernel.fetch(&archive, &busybox)?;
    let image = cache.join(format!("{}.cpio", kernel.release));
    guest::files(project, &kernel, &busybox, command)?.write(&image)?;
    boot::boot(&kernel.image, &image, timeout)
}
