//! How a running flight recorder is asked for what it holds: each has a socket in `/run/tcpwhy`,
//! which only root may enter. Whoever connects gets one line of JSON: where it was written.

use std::{
    fs::{self, DirBuilder},
    io::{self, BufRead as _, BufReader},
    os::unix::{
        fs::DirBuilderExt as _,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

use super::live::{Reason, Request};
use crate::sink::Dumped;

const DIRECTORY: &str = "/run/tcpwhy";
/// Writing hundreds of megabytes to a slow disk takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a recorder answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    /// It was written.
    Wrote(Dumped),
    /// It was not, and why.
    Failed(String),
}

/// A recorder that can be asked.
pub(super) struct Recorder {
    pub(super) pid: u32,
    socket: PathBuf,
}

/// A socket that goes when the recorder does.
pub(super) struct Answering(PathBuf);

impl Drop for Answering {
    fn drop(&mut self) {
        // Whoever finds it left behind sees that nobody listens.
        let _ = fs::remove_file(&self.0);
    }
}

/// Answers to `tcpwhy dump`, as long as what this gives lives. Where it cannot, it says so: the
/// recorder still hears signals. Must be called within a tokio runtime.
pub(super) fn answer(ask: UnboundedSender<Request>) -> Option<Answering> {
    let socket = Path::new(DIRECTORY).join(format!("record-{}.sock", std::process::id()));
    match listen(&socket) {
        Ok(listener) => {
            tokio::spawn(serve(listener, ask));
            Some(Answering(socket))
        }
        Err(why) => {
            let socket = socket.display();
            eprintln!("tcpwhy: {socket}: {why}; `tcpwhy dump` will not find this, SIGUSR1 will");
            None
        }
    }
}

fn listen(socket: &Path) -> io::Result<tokio::net::UnixListener> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(DIRECTORY)?;
    // Of an earlier process with the same pid.
    let _ = fs::remove_file(socket);
    let listener = UnixListener::bind(socket)?;
    listener.set_nonblocking(true)?;
    tokio::net::UnixListener::from_std(listener)
}

async fn serve(listener: tokio::net::UnixListener, ask: UnboundedSender<Request>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tell, told) = tokio::sync::oneshot::channel();
        let request = Request {
            reason: Reason::Dump,
            done: Box::new(|written| {
                let answer = match written {
                    Ok(dumped) => Answer::Wrote(dumped.clone()),
                    Err(why) => Answer::Failed(why.to_string()),
                };
                // Nobody waits any more where the recorder is being ended.
                let _ = tell.send(answer);
            }),
        };
        if ask.send(request).is_err() {
            return;
        }
        tokio::spawn(async move {
            if let Ok(answer) = told.await
                && let Ok(mut line) = serde_json::to_vec(&answer)
            {
                line.push(b'\n');
                // A new socket has room for it; whoever asked may have gone.
                let _ = stream.try_write(&line);
            }
        });
    }
}

/// Every recorder on this host that can be asked.
pub(super) fn running() -> Vec<Recorder> {
    let entries = fs::read_dir(DIRECTORY).into_iter().flatten().flatten();
    let mut all: Vec<Recorder> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let pid = name.strip_prefix("record-")?.strip_suffix(".sock")?;
            Some(Recorder {
                pid: pid.parse().ok()?,
                socket: entry.path(),
            })
        })
        .collect();
    all.sort_by_key(|recorder| recorder.pid);
    all
}

impl Recorder {
    /// Asks for what it holds, and waits until it is written. `None` where it has ended.
    pub(super) fn dump(&self) -> Option<Answer> {
        let stream = match UnixStream::connect(&self.socket) {
            Ok(stream) => stream,
            Err(why) if is_gone(&why) => {
                // Left behind by one that was killed.
                let _ = fs::remove_file(&self.socket);
                return None;
            }
            Err(why) => return Some(Answer::Failed(why.to_string())),
        };
        Some(hear(stream).unwrap_or_else(|why| Answer::Failed(format!("no answer: {why}"))))
    }
}

fn is_gone(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
    )
}

fn hear(stream: UnixStream) -> io::Result<Answer> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    if line.is_empty() {
        return Err(io::Error::other("it ended before it had written"));
    }
    Ok(serde_json::from_str(&line)?)
}
