//! The servers of ordinary traffic: nginx, redis, and one in Python.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Context, Result};
use tracer_user::record::Family;

use crate::{
    client::{CommandLine, Daemon},
    net::{Lab, Place},
    nginx, shell,
};

/// In the server's namespace of a lab; gone when dropped. nginx serves the ports 80 and 81, redis
/// 6379, `ordinary.py` 9000.
#[derive(Debug)]
pub(super) struct Servers<'a> {
    lab: &'a Lab,
    directory: PathBuf,
    running: Vec<Child>,
    _echo: Daemon,
}

impl<'a> Servers<'a> {
    /// Starts them, and waits until they listen.
    pub(super) fn start(lab: &'a Lab) -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("{lab}-ordinary"));
        fs::create_dir_all(&directory)?;
        let configuration = nginx::configuration(&directory, 2, HTTP);
        fs::write(directory.join("nginx.conf"), configuration)?;
        let line = CommandLine("ordinary.py 9000 --serve");
        let echo = line.command(lab, Place::Server, Family::Ipv4, None)?;
        let mut servers = Self {
            lab,
            directory,
            running: Vec::new(),
            _echo: Daemon::start(line.0, echo)?,
        };
        let nginx = servers.nginx(&["-g", "daemon off;"]);
        let mut redis = servers.command("redis-server");
        redis.args(["--port", "6379", "--protected-mode", "no", "--save", ""]);
        redis.args(["--bind", "*", "-::*"]);
        for mut server in [nginx, redis] {
            let child = server.spawn().context("cannot start a server")?;
            servers.running.push(child);
        }
        let listening = "for port in 80 81 6379; do
            until ss -Hltn sport = :$port | grep -q .; do sleep 0.05; done
        done";
        let listening = format!("timeout 30 sh -c '{listening}'");
        lab.sh(Place::Server, Family::Ipv4, &listening)?;
        Ok(servers)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.lab.netns(Place::Server), program])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        shell::dies_with_us(&mut command);
        command
    }

    fn nginx(&self, more: &[&str]) -> Command {
        let mut nginx = self.command("nginx");
        let file = |name| self.directory.join(name);
        nginx.arg("-e").arg(file("error.log"));
        nginx.arg("-c").arg(file("nginx.conf")).args(more);
        nginx
    }

    /// New workers of nginx take over every two seconds.
    pub(super) fn reload_until(&self, over: &AtomicBool) -> Result<()> {
        for tick in 1_u32.. {
            if over.load(Ordering::Relaxed) {
                break;
            }
            if tick % 20 == 0 {
                shell::output(&mut self.nginx(&["-s", "reload"]))?;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

impl Drop for Servers<'_> {
    fn drop(&mut self) {
        // nginx ends its workers before itself, if it is asked to end.
        let asked = shell::output(&mut self.nginx(&["-s", "stop"]));
        for (place, child) in self.running.iter_mut().enumerate() {
            if place > 0 || asked.is_err() {
                // redis inherits that signals are blocked, where the lab waits for them.
                let _ = child.kill();
            }
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// It closes idle connections early, while a pool of clients holds them.
const HTTP: &str = "keepalive_timeout 2s;
    server {
        listen 80; listen [::]:80; listen 81; listen [::]:81;
        location / { return 200 'hello'; }
    }";
