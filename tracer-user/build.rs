//! Builds the BPF object with the compiler that builds everything else: Rust's own `core` for the
//! BPF target, and Rust's own LLVM as the code generator. Needs the rustup components `rust-src` and
//! `llvm-tools`, and fetches them where rustup is there.
//!
//! It also collects the words that tcpwhy says (`build/vocabulary.rs`).
//!
//! The compiler hands its "linker" one bitcode file: that linker is this very program, called again.

#[path = "build/vocabulary.rs"]
mod vocabulary;

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// Set where this program is called as the linker; holds the path of `llc`.
const LINKER_ENV: &str = "TCPWHY_BPF_LLC";

fn main() -> ExitCode {
    let result = match env::var_os(LINKER_ENV) {
        Some(llc) => link(Path::new(&llc)),
        None => build(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Turns the bitcode file among the arguments into a BPF object.
fn link(llc: &Path) -> Result<(), String> {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let output = arguments
        .iter()
        .position(|argument| argument == "-o")
        .and_then(|at| arguments.get(at + 1))
        .ok_or("the compiler named no output")?;
    let bitcode = arguments
        .iter()
        .find(|argument| {
            Path::new(argument)
                .extension()
                .is_some_and(|end| end == "o")
        })
        .ok_or("the compiler handed over no object")?;
    let march = if cfg!(target_endian = "big") {
        "bpfeb"
    } else {
        "bpfel"
    };
    run(Command::new(llc)
        .arg(format!("-march={march}"))
        .args(["-mcpu=v3", "-O2", "-filetype=obj", "-o"])
        .args([output, bitcode]))
}

fn build() -> Result<(), String> {
    let kernel_half = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tracer-ebpf");
    for input in ["src", "Cargo.toml"] {
        println!(
            "cargo::rerun-if-changed={}",
            kernel_half.join(input).display()
        );
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build/vocabulary.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    vocabulary::build(Path::new(env!("CARGO_MANIFEST_DIR")), &out)?;
    let llc = components()?;
    let target = if cfg!(target_endian = "big") {
        "bpfeb-unknown-none"
    } else {
        "bpfel-unknown-none"
    };
    // One place for every profile, so that it is built once.
    let target_dir = out
        .ancestors()
        .nth(4)
        .ok_or("OUT_DIR is too short")?
        .join("bpf");
    let features = if env::var_os("CARGO_FEATURE_DEBUG").is_some() {
        "bpf,debug"
    } else {
        "bpf"
    };
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(&kernel_half)
        .args([
            "rustc",
            "--release",
            "--bin",
            "tcpwhy-bpf",
            "--features",
            features,
        ])
        .args(["-Z", "build-std=core", "--target", target, "--target-dir"])
        .arg(&target_dir)
        .args([
            "--config",
            "profile.release.lto=\"fat\"",
            "--config",
            "profile.release.debug=0",
        ])
        .args(["--config", "profile.release.codegen-units=1"])
        .args(["--config", "profile.release.panic=\"abort\"", "--", "-C"])
        .arg(linker_argument()?)
        .env(LINKER_ENV, llc)
        .env("RUSTC_BOOTSTRAP", "1");
    for inherited in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(inherited);
    }
    // Lints of the host build are no business of this one.
    for inherited in ["RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "CLIPPY_ARGS"] {
        cargo.env_remove(inherited);
    }
    run(&mut cargo)?;
    fs::copy(
        target_dir.join(target).join("release/tcpwhy-bpf"),
        out.join("tcpwhy-bpf.o"),
    )
    .map_err(|why| format!("the BPF object was not built: {why}"))?;
    Ok(())
}

fn linker_argument() -> Result<OsString, String> {
    let mut argument = OsString::from("linker=");
    argument.push(env::current_exe().map_err(|why| format!("no path of this program: {why}"))?);
    Ok(argument)
}

/// Path of rustc's own `llc`, after the components are made sure of.
fn components() -> Result<PathBuf, String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let host = env::var("HOST").map_err(|why| format!("HOST is not set: {why}"))?;
    let sysroot = Command::new(rustc)
        .args(["--print", "sysroot"])
        .output()
        .map_err(|why| format!("rustc did not run: {why}"))?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    let library = sysroot.join("lib/rustlib/src/rust/library/Cargo.lock");
    let llc = sysroot.join("lib/rustlib").join(host).join("bin/llc");
    if !(library.exists() && llc.exists()) {
        let fetched =
            run(Command::new("rustup").args(["component", "add", "rust-src", "llvm-tools"]));
        if fetched.is_err() || !(library.exists() && llc.exists()) {
            return Err("the BPF programs need two components of Rust: run \
                        `rustup component add rust-src llvm-tools`"
                .to_owned());
        }
    }
    Ok(llc)
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} failed: {status}")),
        Err(why) => Err(format!("{program} did not run: {why}")),
    }
}
