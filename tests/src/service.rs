//! A web service: nginx in a lab's client namespace, with two backends in the server's.

// A panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use std::{
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use tracer_user::record::Family;

use crate::{
    client::{self, CommandLine, Daemon},
    net::{Lab, Place},
    nginx, shell,
};

/// Ports of the backends. They listen on all addresses, as most do.
pub const BACKENDS: [u16; 2] = [8081, 8082];

/// How many connections wait for the second backend when it does not accept: one more than its
/// backlog.
pub const WAITING: u32 = 9;

/// How long nginx may take to write its log. No measurement: a wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// nginx and its backends; gone when dropped.
pub struct Service<'a> {
    lab: &'a Lab,
    directory: PathBuf,
    backends: Vec<Option<Daemon>>,
}

impl<'a> Service<'a> {
    /// Starts the backends, then nginx: requests go to either in turn, and to the other where that
    /// fails.
    pub fn new(lab: &'a Lab, directory: PathBuf) -> Self {
        let [first, second] = BACKENDS;
        let lines = [
            format!("listen.py {first} --http"),
            format!("listen.py {second} --http --backlog {}", WAITING - 1),
        ];
        let backends = lines.map(|line| {
            let command = CommandLine(&line).command(lab, Place::Server, Family::Ipv4, None);
            Some(Daemon::start(&line, command.unwrap()).unwrap())
        });
        let service = Self {
            lab,
            directory,
            backends: backends.into(),
        };
        service.start();
        service
    }

    fn start(&self) {
        let (home, [first, second]) = (self.directory.display(), BACKENDS);
        let server = self.lab.address(Place::Server, Family::Ipv4);
        let http = format!(
            "upstream shop {{
                 server {server}:{first} max_fails=0;
                 server {server}:{second} max_fails=0;
             }}
             server {{
                 listen 127.0.0.1:80;
                 location / {{
                     proxy_pass http://shop;
                     proxy_read_timeout 2s;
                 }}
             }}"
        );
        let configuration = nginx::configuration(&self.directory, 1, &http);
        fs::write(self.directory.join("nginx.conf"), configuration).unwrap();
        // It comes back once it listens.
        let line = format!("nginx -e {home}/error.log -c {home}/nginx.conf");
        self.lab.sh(Place::Client, Family::Ipv4, &line).unwrap();
    }

    /// The process that connects to the backends; it is there once a request was answered.
    #[must_use]
    pub fn worker(&self) -> u32 {
        let master = self.master();
        let children = format!("/proc/{master}/task/{master}/children");
        let children = fs::read_to_string(children).unwrap();
        children.split_whitespace().next().unwrap().parse().unwrap()
    }

    fn master(&self) -> u32 {
        let pid = fs::read_to_string(self.directory.join("pid")).unwrap();
        pid.trim().parse().unwrap()
    }

    /// So many requests of users, `at_once` of them in parallel; each must succeed, since one backend
    /// is well.
    pub fn ask(&self, times: u32, at_once: u32) {
        let line = format!(
            "curl -sZ --parallel-immediate --parallel-max {at_once} --max-time 60 -o /dev/null \
             -w '{{\"outcome\":\"%{{http_code}}\"}}\\n' http://127.0.0.1/?[1-{times}]"
        );
        let line = CommandLine(&line);
        let command = line.command(self.lab, Place::Client, Family::Ipv4, None);
        let story = client::run(line, command.unwrap()).unwrap();
        let expected = vec!["200"; times as usize];
        assert_eq!(story.outcomes, expected, "{}", self.log());
    }

    /// Keeps a backend from running: its connections are taken for it, until its queue is full.
    pub fn hang(&self, nth: usize) -> u32 {
        let pid = self.backends[nth].as_ref().unwrap().pid();
        shell::script(&format!("kill -STOP {pid}")).unwrap();
        pid
    }

    /// Ends a backend.
    pub fn stop(&mut self, nth: usize) {
        self.backends[nth] = None;
    }

    /// How many connections to a backend failed with an errno, as nginx itself tells it.
    #[must_use]
    pub fn failed(&self, nth: usize, errno: i32) -> u64 {
        let upstream = format!(":{}/", BACKENDS[nth]);
        let lines = self.log();
        let of_it = lines.lines().filter(|line| {
            line.contains("connect() failed")
                && line.contains(&format!("({errno}:"))
                && line.contains(&upstream)
        });
        of_it.count() as u64
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("error.log")).unwrap_or_default()
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        let master = self.master();
        let _ = shell::output(Command::new("kill").arg(master.to_string()));
        let deadline = Instant::now() + PATIENCE;
        while self.directory.join("pid").exists() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
