//! The right process each time, through the real binary: stories whose end the real process tells.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Map, Value};
use tests::{
    client::{self, CommandLine, Daemon},
    lock::Host,
    net::{Lab, Place},
    runner, shell,
    tracer::{self, Trace, Tracer},
};
use tracer_user::record::{Direction, Failure, Family, Record, Role};

/// How long records may take. No measurement: a wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// Processes that die as their connections fail.
const MAYFLY: &str = "mayfly";

/// What a story says must be told of its failures.
#[derive(Debug, Deserialize)]
struct Truth {
    port: u16,
    process: Map<String, Value>,
    #[serde(default)]
    holders: Vec<Map<String, Value>>,
}

fn rested(missing: &str) -> bool {
    missing.contains("it was not looked for, because")
}

impl Truth {
    /// Its failures: of the accepted end where a role is told, or nobody is to be named.
    fn is_about(&self, failure: &Failure, netns: u32) -> bool {
        let inbound = self.process.is_empty() || self.process.contains_key("role");
        let end = if inbound {
            failure.socket.local.as_ref()
        } else {
            Some(&failure.socket.remote)
        };
        failure.socket.netns == Some(netns)
            && (failure.direction == Direction::Inbound) == inbound
            && end.is_some_and(|end| end.port == Some(self.port))
    }

    /// What is told otherwise.
    fn mismatch(&self, failure: &Failure) -> Option<String> {
        let Some(process) = &failure.process else {
            return (!self.process.is_empty()).then(|| "no process".to_owned());
        };
        // All descriptors are looked at seldom: in between the listener's process is named, as such.
        let accepted = self
            .process
            .get("role")
            .is_some_and(|role| role == "acceptor");
        if accepted
            && process.role == Some(Role::Listener)
            && failure.missing.iter().any(|it| rested(it))
        {
            return None;
        }
        let told = serde_json::to_value(process).unwrap();
        // Who is switched away between its memory and its descriptors has lost its program by then.
        let unknown = |key: &str| {
            process.comm == MAYFLY && matches!(key, "exe" | "cmdline") && told[key].is_null()
        };
        let mut fields = self.process.iter();
        let wrong = fields.any(|(key, value)| told[key] != *value && !unknown(key));
        let other = wrong || self.process.is_empty();
        if other {
            Some(told.to_string())
        } else {
            self.other_holders(failure)
        }
    }

    /// Of a connection that this host opened: who held its socket at its end, told otherwise.
    fn other_holders(&self, failure: &Failure) -> Option<String> {
        let is_looked_for_too_late = failure.missing.iter().any(|it| rested(it));
        if failure.direction == Direction::Inbound || is_looked_for_too_late {
            return None;
        }
        let told = serde_json::to_value(&failure.holders).unwrap();
        let all = told.as_array().unwrap();
        let same = |(told, holder): (&Value, &Map<String, Value>)| {
            holder.iter().all(|(key, value)| told[key] == *value)
        };
        let are_same = all.len() == self.holders.len() && all.iter().zip(&self.holders).all(same);
        (!are_same).then(|| format!("held by {told}"))
    }
}

fn teller(lab: &Lab, arguments: &[&str]) -> Command {
    let mut command = runner::in_netns(lab, Place::Client, "env");
    command
        .arg(shell::python().unwrap())
        .arg(shell::clients().join("identity.py"))
        .args(arguments)
        .envs(lab.variables(Family::Ipv4))
        .stdin(Stdio::null());
    command
}

fn truths(mut story: Command) -> Vec<Truth> {
    let said = shell::output(&mut story).unwrap();
    said.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Each failure of the stories, once it is told.
fn check(tracer: Tracer, netns: u32, stories: &[(&str, Vec<Truth>)]) -> Trace {
    let all = || stories.iter().flat_map(|(_, truths)| truths);
    tracer.wait_until(Instant::now() + PATIENCE, |failures| {
        all().all(|truth| failures.iter().any(|it| truth.is_about(it, netns)))
    });
    let trace = tracer.stop().unwrap();
    let mut wrong = Vec::new();
    for (story, truths) in stories {
        assert!(!truths.is_empty(), "{story} tells nothing");
        for truth in truths {
            let mut told = trace.failures().filter(|it| truth.is_about(it, netns));
            let (first, second) = (told.next(), told.next());
            match first.map(|failure| truth.mismatch(failure)) {
                None => wrong.push(format!("{story}: nothing was told of {truth:?}")),
                Some(Some(told)) => wrong.push(format!("{story}: {truth:?} and not {told}")),
                Some(None) if second.is_some() => wrong.push(format!("{story}: told twice")),
                Some(None) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    trace
}

/// What the kernel shows of a connection: who holds it.
fn holder(lab: &Lab, port: u16) -> u32 {
    let line = format!("ss -Htnp state established '( sport = :{port} )'");
    let said = lab.sh(Place::Client, Family::Ipv4, &line).unwrap();
    let pid = said.split("pid=").nth(1).unwrap().split(',').next();
    pid.unwrap().parse().unwrap()
}

#[test]
fn each_story_names_the_right_process() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let tracer = Tracer::watch(&[]).unwrap();
    let mut stories: Vec<(&str, Vec<Truth>)> = [
        "prefork",
        "passed",
        "passed-and-kept",
        "exits",
        "is-killed",
        "many-die",
        "refused-and-gone",
        "threads",
        "pid-namespace",
        "pid-reused",
        "executes",
        "never-accepted",
        "listener-closes",
        "two-listeners",
        "closes-first",
        "kept-one-after-the-other",
        "opened-and-passed",
        "opened-and-aborted",
        "opened-and-closed",
        "opened-and-left",
    ]
    .map(|story| (story, truths(teller(&lab, &[story]))))
    .into();
    let netns = lab.path(Place::Client).display().to_string();
    // Begun in the host's network namespace.
    let mut enters = Command::new(shell::python().unwrap());
    enters.arg(shell::clients().join("identity.py"));
    enters.args(["other-network", &netns]);
    stories.push(("other-network", truths(enters)));
    let trace = check(tracer, lab.inode(Place::Client), &stories);
    let died = || {
        let processes = trace.failures().filter_map(|it| it.process.as_ref());
        processes.filter(|process| process.comm == MAYFLY)
    };
    let known = died().filter(|process| process.exe.is_some()).count();
    let all = died().count();
    // How many are switched away at that moment depends on what else runs.
    assert!(
        known * 4 >= all && all > 0,
        "what {known} of {all} ran is known"
    );
}

#[test]
fn of_nginx_the_worker_is_named_that_has_the_connection() {
    const PORT: u16 = 8080;
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let directory = std::env::temp_dir().join(format!("{lab}-nginx"));
    std::fs::create_dir(&directory).unwrap();
    let configuration = directory.join("nginx.conf");
    let text = format!(
        "daemon off; worker_processes 4; pid {0}/pid; error_log {0}/error.log;
         events {{}}
         http {{ access_log off; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy;
                 fastcgi_temp_path {0}/fastcgi; uwsgi_temp_path {0}/uwsgi;
                 scgi_temp_path {0}/scgi;
                 server {{ listen 127.0.0.1:{PORT}; return 200; }} }}",
        directory.display()
    );
    std::fs::write(&configuration, text).unwrap();
    let tracer = Tracer::watch(&[]).unwrap();
    let mut nginx = runner::in_netns(&lab, Place::Client, "nginx");
    shell::dies_with_us(&mut nginx)
        .arg("-c")
        .arg(&configuration)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut nginx = nginx.spawn().unwrap();
    // Connects once it can, sends half a request, and aborts when told so.
    let mut client = teller(&lab, &["half-a-request", &PORT.to_string()]);
    let mut client = client
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 1];
    std::io::Read::read_exact(client.stdout.as_mut().unwrap(), &mut ready).unwrap();
    let worker = holder(&lab, PORT);
    assert_ne!(worker, nginx.id(), "the master holds no connection");
    drop(client.stdin.take());
    assert!(client.wait().unwrap().success());
    let truth = Truth {
        port: PORT,
        process: Map::from_iter([
            ("pid".to_owned(), worker.into()),
            ("comm".to_owned(), "nginx".into()),
            ("role".to_owned(), "acceptor".into()),
        ]),
        holders: Vec::new(),
    };
    let told = check(tracer, lab.inode(Place::Client), &[("nginx", vec![truth])]);
    let pid = i32::try_from(nginx.id()).unwrap();
    // SAFETY: the child has not been waited for, so the pid is still its own.
    unsafe { libc::kill(pid, libc::SIGTERM) };
    nginx.wait().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!(told.trailer().unwrap().ledger.failures_lost, 0);
}

#[test]
fn run_follows_what_its_command_accepts_and_nobody_else() {
    const STORIES: [&str; 5] = [
        "exits",
        "passed-and-kept",
        "never-accepted",
        "listener-closes",
        "closes-first",
    ];
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let (python, clients) = (shell::python().unwrap(), shell::clients());
    let told = |story: &&str| {
        format!(
            "{} {}/identity.py {story}",
            python.display(),
            clients.display()
        )
    };
    let script: Vec<String> = STORIES.iter().map(told).collect();
    let file = std::env::temp_dir().join(format!("{lab}-run.jsonl"));
    let mut command = Command::new(tracer::binary().unwrap());
    command
        .args(["run", "--format", "json", "-o"])
        .arg(&file)
        .args(["--", "ip", "netns", "exec", &lab.netns(Place::Client)])
        .args(["sh", "-euc", &script.join("; ")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut run = shell::dies_with_us(&mut command).spawn().unwrap();
    let mut strangers = 0;
    while run.try_wait().unwrap().is_none() {
        let story = STORIES[strangers % STORIES.len()];
        strangers += truths(teller(&lab, &[story])).len();
    }
    let done = run.wait_with_output().unwrap();
    assert!(done.status.success() && strangers > 1);
    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let records = written
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let failures: Vec<Box<Failure>> = records
        .filter_map(|record| match record {
            Record::Failure(failure) => Some(failure),
            _ => None,
        })
        .collect();
    let own: Vec<Truth> = String::from_utf8(done.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let netns = lab.inode(Place::Client);
    let accepted = failures
        .iter()
        .filter(|it| it.direction == Direction::Inbound);
    for failure in accepted.clone() {
        let truth = own.iter().find(|truth| truth.is_about(failure, netns));
        let truth = truth.unwrap_or_else(|| panic!("a stranger's: {failure:?}"));
        assert_eq!(truth.mismatch(failure), None, "{truth:?}");
    }
    assert_eq!(accepted.count(), STORIES.len(), "{failures:#?}");
}

/// Control groups that are gone when this is dropped, as is the hierarchy that was mounted for them.
struct Groups {
    root: PathBuf,
    made: Vec<PathBuf>,
    is_own: bool,
}

impl Groups {
    /// In the host's v2 hierarchy.
    fn v2() -> Self {
        let root = tests::bpf::mount().unwrap();
        Self {
            root,
            made: Vec::new(),
            is_own: false,
        }
    }

    /// In a v1 hierarchy of one's own, which controls nothing.
    fn v1(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("{name}-v1"));
        std::fs::create_dir(&root).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "cgroup", "-o", &format!("none,name={name}"), "none"]);
        shell::output(mount.arg(&root)).unwrap();
        Self {
            root,
            made: Vec::new(),
            is_own: true,
        }
    }

    /// Makes a group; gives the file that takes the pid of a process that is to enter.
    fn make(&mut self, path: &str) -> PathBuf {
        let mut at = self.root.clone();
        for component in path.split('/').skip(1) {
            at.push(component);
            if !at.exists() {
                std::fs::create_dir(&at).unwrap();
                self.made.push(at.clone());
            }
        }
        at.join("cgroup.procs")
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for path in self.made.iter().rev() {
            // What still holds a process stays.
            let _ = std::fs::remove_dir(path);
        }
        if self.is_own {
            let _ = shell::output(Command::new("umount").arg(&self.root));
            let _ = std::fs::remove_dir(&self.root);
        }
    }
}

#[test]
fn containers_pods_and_units_are_known_by_their_control_groups() {
    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const POD: &str = "a5c1f8d5-1919-434d-add7-4afaafdaef89";
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let (mut v2, mut v1) = (Groups::v2(), Groups::v1(&lab.to_string()));
    let scope = format!("cri-containerd-{ID}.scope");
    let slice = format!("kubepods-burstable-pod{}.slice", POD.replace('-', "_"));
    let service = format!("{lab}.service");
    // Port, path, whether v2, container, runtime, pod, unit.
    let rows = [
        (
            1,
            format!("/{lab}.slice/{slice}/{scope}"),
            true,
            Some(ID),
            Some("containerd"),
            Some(POD),
            Some(&*scope),
        ),
        (
            2,
            format!("/{lab}.slice/{service}/workers"),
            true,
            None,
            None,
            None,
            Some(&*service),
        ),
        (
            3,
            format!("/{lab}.slice/docker/{}/docker/{ID}", ID.replace('0', "f")),
            true,
            Some(ID),
            Some("docker"),
            None,
            None,
        ),
        (
            4,
            format!("/kubepods/pod{POD}/crio-{ID}"),
            false,
            Some(ID),
            Some("cri-o"),
            Some(POD),
            None,
        ),
    ];
    let tracer = Tracer::watch(&[]).unwrap();
    let mut staying = Vec::new();
    for (port, path, is_v2, ..) in &rows {
        let procs = if *is_v2 { v2.make(path) } else { v1.make(path) };
        // Of v2 the kernel half takes the group; of v1 `/proc` tells while the process is there.
        let stay = if *is_v2 { "" } else { " --stay" };
        let line = format!("connect.py $s {port}{stay}");
        let line = CommandLine(&line);
        let command = line
            .command(&lab, Place::Client, Family::Ipv4, Some(&procs))
            .unwrap();
        if *is_v2 {
            client::run(line, command).unwrap();
        } else {
            staying.push(Daemon::start(line.0, command).unwrap());
        }
    }
    let netns = Some(lab.inode(Place::Client));
    let of_port = |failure: &Failure, port: u16| {
        failure.socket.netns == netns && failure.socket.remote.port == Some(port)
    };
    tracer.wait_until(Instant::now() + PATIENCE, |failures| {
        rows.iter()
            .all(|row| failures.iter().any(|it| of_port(it, row.0)))
    });
    let trace = tracer.stop().unwrap();
    drop(staying);
    for (port, path, _, container, runtime, pod, unit) in rows {
        let failure = trace.failures().find(|it| of_port(it, port)).unwrap();
        let process = failure.process.as_ref().unwrap();
        assert_eq!(process.cgroup, Some(path));
        let told = (
            process.container.as_deref(),
            process.container_runtime.as_deref(),
            process.pod_uid.as_deref(),
            process.unit.as_deref(),
        );
        assert_eq!(told, (container, runtime, pod, unit), "{process:?}");
    }
}

/// Failures by process, cause and role.
type Table = BTreeMap<(u32, String, Option<String>), usize>;

fn table<'a>(failures: impl Iterator<Item = &'a Failure>) -> Table {
    let mut table = Table::new();
    for failure in failures {
        let process = failure.process.as_ref().unwrap();
        let role = process.role.map(|role| match role {
            Role::Acceptor => "acceptor".to_owned(),
            Role::Listener => "listener".to_owned(),
        });
        let row = (process.pid, failure.cause.clone(), role);
        *table.entry(row).or_default() += 1;
    }
    table
}

#[test]
fn two_thousand_older_connections_are_known() {
    runner::prepare().unwrap();
    let _host = Host::shared().unwrap();
    let lab = Lab::new().unwrap();
    let places = [(Place::Client, 1500_usize), (Place::Server, 500)];
    let mut many: Vec<_> = places
        .iter()
        .map(|&(place, count)| {
            let mut command = runner::in_netns(&lab, place, "env");
            command
                .arg(shell::python().unwrap())
                .arg(shell::clients().join("many.py"))
                .arg(count.to_string());
            let mut child = shell::dies_with_us(&mut command)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = String::new();
            let stdout = child.stdout.as_mut().unwrap();
            std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut said).unwrap();
            let pids: Vec<u32> = said
                .split_whitespace()
                .map(|it| it.parse().unwrap())
                .collect();
            (child, place, count, pids)
        })
        .collect();
    let tracer = Tracer::watch(&[]).unwrap();
    let mut expected = Table::new();
    for (child, _, count, pids) in &mut many {
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
        let acceptor = Some("acceptor".to_owned());
        expected.insert((pids[0], "reset-by-local".to_owned(), None), *count - 1);
        expected.insert((pids[1], "reset-by-peer".to_owned(), acceptor), *count - 1);
        // The packets of one are dropped, and its process is gone as soon as it fails.
        expected.insert((pids[2], "firewall-drop".to_owned(), None), 1);
    }
    let in_lab = |failure: &&Failure| {
        let netns = failure.socket.netns;
        places
            .iter()
            .any(|&(place, _)| netns == Some(lab.inode(place)))
    };
    let wanted: usize = expected.values().sum();
    tracer.wait_until(Instant::now() + PATIENCE, |failures| {
        failures.iter().copied().filter(in_lab).count() >= wanted
    });
    let trace = tracer.stop().unwrap();
    assert_eq!(table(trace.failures().filter(in_lab)), expected);
    for failure in trace.failures().filter(in_lab) {
        let process = failure.process.as_ref().unwrap();
        let told = process.cmdline.as_ref().unwrap();
        assert!(told.contains("many.py"), "{failure:?}");
    }
    assert_eq!(trace.trailer().unwrap().ledger.failures_lost, 0);
}
