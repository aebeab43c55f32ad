//! `tcpwhy dump`: lets running recorders write what they hold.

use std::io::Write;

use anyhow::bail;

use super::recorders::{self, Answer};
use crate::cli::Dump;

/// Asks every recorder, or those of the wanted pids, and says what each has written.
///
/// # Errors
/// Where none runs, or one could not write.
pub fn run(dump: &Dump, out: &mut dyn Write) -> anyhow::Result<()> {
    if !nix::unistd::geteuid().is_root() {
        bail!("only root can ask recorders: try `sudo tcpwhy dump`");
    }
    let wanted = |pid: &u32| dump.pid.is_empty() || dump.pid.contains(pid);
    let all = recorders::running().into_iter();
    let (mut written, mut failed) = (0, Vec::new());
    for recorder in all.filter(|recorder| wanted(&recorder.pid)) {
        let pid = recorder.pid;
        match recorder.dump() {
            Some(Answer::Wrote(dumped)) => {
                written += 1;
                let (file, records) = (dumped.file.display(), dumped.records);
                writeln!(out, "{file}: {records} records, by pid {pid}")?;
            }
            Some(Answer::Failed(why)) => failed.push(format!("pid {pid}: {why}")),
            None => {}
        }
    }
    match (written, failed.as_slice()) {
        (_, [_, ..]) => bail!("not written: {}", failed.join("; ")),
        (0, []) if dump.pid.is_empty() => {
            bail!("no recorder runs here: `tcpwhy record --last 10m -o FILE` starts one")
        }
        (0, []) => bail!("no recorder has such a pid: `tcpwhy dump` asks every one"),
        _ => Ok(()),
    }
}
