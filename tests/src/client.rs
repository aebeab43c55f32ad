//! Processes in a lab: the client whose connection fails, and the daemons around it.

use std::{
    io::{BufRead, BufReader, Read},
    ops::RangeInclusive,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tracer_user::record::Family;

use crate::{
    net::{Lab, Place},
    shell,
};

/// What a client was, and what it got.
#[derive(Clone, Debug)]
pub struct Story {
    /// Its pid, in the initial pid namespace.
    pub pid: u32,
    /// Its name, as the kernel has it.
    pub comm: String,
    /// What each attempt came to, as the client itself tells it.
    pub outcomes: Vec<String>,
    /// How it ended.
    pub status: ExitStatus,
    /// The processes beside, in the order of the row.
    pub daemons: Vec<u32>,
    /// How many the listener turned away, at least and at most, for each that is expected of it.
    pub counted: Vec<RangeInclusive<u64>>,
}

#[derive(Deserialize)]
struct Attempt {
    outcome: String,
}

/// A command line as the scenarios write it: a client program of the lab, or any other program.
/// Blanks separate; the lab's variables are expanded by a shell.
#[derive(Clone, Copy, Debug)]
pub struct CommandLine<'a>(pub &'a str);

impl CommandLine<'_> {
    fn program(self) -> &'static str {
        match self.0.split(' ').next() {
            Some(word) if has_extension(word) => "python3",
            Some("curl") => "curl",
            Some("nc") => "nc",
            _ => "sh",
        }
    }

    /// The process name it has once it runs.
    #[must_use]
    pub fn comm(self) -> &'static str {
        self.program()
    }

    /// The shell words that become the process, by `exec`, so that the pid stays.
    fn words(self) -> Result<String> {
        if !has_extension(self.0.split(' ').next().unwrap_or_default()) {
            return Ok(self.0.to_owned());
        }
        let (python, clients) = (shell::python()?, shell::clients());
        Ok(format!(
            "{} {}/{}",
            python.display(),
            clients.display(),
            self.0
        ))
    }

    /// Ready to be spawned in one of a lab's namespaces, in a control group if one is given.
    pub fn command(
        self,
        lab: &Lab,
        place: Place,
        family: Family,
        cgroup: Option<&Path>,
    ) -> Result<Command> {
        let enter = cgroup.map_or_else(String::new, |procs| {
            format!("echo $$ > {}; ", procs.display())
        });
        let (netns, words) = (lab.netns(place), self.words()?);
        let mut command = Command::new("sh");
        command
            .arg("-euc")
            .arg(format!("{enter}exec ip netns exec {netns} {words}"))
            .envs(lab.variables(family))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(command)
    }
}

fn has_extension(word: &str) -> bool {
    Path::new(word)
        .extension()
        .is_some_and(|extension| extension == "py")
}

/// Runs a client to its end.
pub fn run(line: CommandLine<'_>, mut command: Command) -> Result<Story> {
    let child = command
        .spawn()
        .with_context(|| format!("cannot start {}", line.0))?;
    let pid = child.id();
    let done = child.wait_with_output()?;
    let (said, complaint) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    if line.program() == "python3" && complaint.contains("Traceback") {
        bail!("{} failed: {complaint}", line.0);
    }
    let outcomes = said
        .lines()
        .filter_map(|text| serde_json::from_str::<Attempt>(text).ok())
        .map(|attempt| attempt.outcome)
        .collect();
    Ok(Story {
        pid,
        comm: line.comm().to_owned(),
        outcomes,
        status: done.status,
        daemons: Vec::new(),
        counted: Vec::new(),
    })
}

/// A process that runs beside, until it is dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts it and waits for its first line, which says that it is ready.
    pub fn start(name: &str, mut command: Command) -> Result<Self> {
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let mut first = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut first)?;
        }
        if first.is_empty() {
            let mut complaint = String::new();
            if let Some(mut stderr) = child.stderr.take() {
                stderr.read_to_string(&mut complaint)?;
            }
            bail!("{name} ended: {}: {complaint}", child.wait()?);
        }
        Ok(Self { child })
    }

    /// Its pid.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
