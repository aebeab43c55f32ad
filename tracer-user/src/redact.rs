//! Takes names out of records, so that a trace can leave the house: each is replaced by a pseudonym,
//! the same one wherever it stands. Pure but for the key: a record in, a record out.
//!
//! Replaced are addresses, names of hosts, processes, units, control groups, containers and devices,
//! paths and command lines, wherever they stand, in sentences too. Kept are numbers (ports, pids,
//! uids, namespaces, times, counters), loopback, the words of tcpwhy, and the kernel's names (its
//! release, functions, drop reasons, hooks). A field that this list does not know is read as a
//! sentence: what tcpwhy does not say itself is replaced.

mod address;
mod pseudonym;
mod text;
mod token;

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::LazyLock,
};

use clap::Args;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::pseudonym::Key;
use self::{address::Addresses, text::Names};
use crate::record::{self, Context, Record};

/// Whether to take names out, and by which key: flags of the commands that write traces.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Redaction")]
pub struct Redaction {
    /// Replace addresses, host, process and unit names, paths, command lines and containers by
    /// pseudonyms, in sentences too. Ports, pids, times, loopback and the kernel's own names stay.
    /// Private IPv4 becomes 250.0.0.0/7, public 240.0.0.0/5; private IPv6 fdfd::/16, public
    /// 2001:db8::/32; private subnets stay subnets
    #[arg(long)]
    pub redact: bool,
    /// The same secret gives the same pseudonyms in another run (long and random: who can guess it
    /// can undo them); without it every run has a key of its own, that nobody knows
    #[arg(long, value_name = "SECRET", requires = "redact", value_parser = secret)]
    pub redact_key: Option<String>,
}

impl Redaction {
    /// What takes the names out, if they are to go.
    ///
    /// # Errors
    /// Where the kernel has no random numbers for a key.
    pub fn redactor(&self) -> std::io::Result<Option<Redactor>> {
        if !self.redact {
            return Ok(None);
        }
        let key = match &self.redact_key {
            Some(secret) => Key::from_secret(secret),
            None => Key::random()?,
        };
        Ok(Some(Redactor::new(key)))
    }
}

/// Too short a secret is guessed, and the pseudonyms are undone.
fn secret(text: &str) -> Result<String, String> {
    const LEAST: usize = 16;
    if text.len() < LEAST {
        return Err(format!(
            "expected a secret of {LEAST} characters at least, such as openssl rand -hex 16 gives"
        ));
    }
    Ok(text.to_owned())
}

/// What a field holds.
#[derive(Clone, Copy)]
enum Holds {
    /// Words of tcpwhy or of the kernel: kept.
    Ours,
    /// The same, keys and all, but for fields in it that have a line of their own.
    Table,
    /// An address.
    Address,
    /// A name; what its pseudonym begins with.
    Name(&'static str),
    /// A path of a file.
    Path,
    /// A control group, or a unit of systemd.
    Cgroup,
    /// The 64 hexadecimal digits of a container, or another id: digits again.
    Id,
    /// A network device.
    Device,
    /// A table or chain of a firewall.
    Chain,
    /// What only a replay needs: full of names in other forms (hexadecimal digits). It goes.
    Script,
}

/// What the fields of records hold, by name, at whatever depth they are.
const FIELDS: &[(&str, Holds)] = &[
    ("type", Holds::Ours),
    ("schema", Holds::Ours),
    ("version", Holds::Ours),
    ("kernel", Holds::Ours),
    ("id", Holds::Ours),
    ("time", Holds::Ours),
    ("start", Holds::Ours),
    ("first", Holds::Ours),
    ("last", Holds::Ours),
    ("began", Holds::Ours),
    ("direction", Holds::Ours),
    ("phase", Holds::Ours),
    ("cause", Holds::Ours),
    ("confidence", Holds::Ours),
    ("severity", Holds::Ours),
    ("stuck_on", Holds::Ours),
    ("errno", Holds::Ours),
    ("outcome", Holds::Ours),
    ("role", Holds::Ours),
    ("family", Holds::Ours),
    ("state", Holds::Ours),
    ("reason", Holds::Ours),
    ("location", Holds::Ours),
    ("hook", Holds::Ours),
    ("engine", Holds::Ours),
    ("packet", Holds::Ours),
    ("matched_by", Holds::Ours),
    ("verdict", Holds::Ours),
    ("match", Holds::Ours),
    ("table", Holds::Chain),
    ("chain", Holds::Chain),
    ("hooks", Holds::Table),
    ("by_cause", Holds::Table),
    ("turned_away", Holds::Table),
    ("by_errno", Holds::Table),
    ("by_drop_reason", Holds::Table),
    ("counters", Holds::Table),
    ("sockets", Holds::Table),
    ("sysctls", Holds::Table),
    ("moved", Holds::Table),
    ("since", Holds::Ours),
    ("begun", Holds::Ours),
    ("ended", Holds::Ours),
    ("recorded_by", Holds::Ours),
    ("joined_by", Holds::Ours),
    ("failures", Holds::Ours),
    ("incident", Holds::Ours),
    ("addr", Holds::Address),
    ("host", Holds::Name("host")),
    ("hosts", Holds::Name("host")),
    ("reference", Holds::Name("host")),
    ("file", Holds::Name("file")),
    ("comm", Holds::Name("proc")),
    ("thread_comm", Holds::Name("proc")),
    ("exe", Holds::Path),
    ("cmdline", Holds::Name("cmd")),
    ("command_line", Holds::Name("arg")),
    ("cgroup", Holds::Cgroup),
    ("unit", Holds::Cgroup),
    ("container", Holds::Id),
    ("container_runtime", Holds::Ours),
    ("pod_uid", Holds::Id),
    ("boot_id", Holds::Id),
    ("device", Holds::Device),
    ("wire", Holds::Script),
];

/// Names of fields that are remembered, at most: those of the schema are some hundred.
const MAX_OURS: usize = 4096;

/// [`FIELDS`], to be looked up.
static BY_NAME: LazyLock<HashMap<&str, Holds>> = LazyLock::new(|| FIELDS.iter().copied().collect());

/// Replaces names by pseudonyms.
pub struct Redactor {
    key: Key,
    addresses: Addresses,
    /// The host of the records, known from their header.
    host: Option<String>,
    /// Names of fields that are known to stay.
    ours: HashSet<String>,
}

impl Redactor {
    /// Pseudonyms depend on `key` alone.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self {
            key,
            addresses: Addresses::new(),
            host: None,
            ours: HashSet::new(),
        }
    }

    /// The record without names.
    ///
    /// # Errors
    /// None that a record of this schema can cause.
    pub fn record(&mut self, record: &Record) -> serde_json::Result<Record> {
        if let Record::Header(header) = record {
            self.host = Some(header.host.clone()).filter(|host| !host.is_empty());
        }
        let bare = without_script(record);
        Ok(match bare.as_ref().unwrap_or(record) {
            Record::Header(header) => Record::Header(self.anything(header)?),
            Record::Failure(failure) => Record::Failure(self.anything(failure)?),
            Record::Connection(connection) => Record::Connection(self.anything(connection)?),
            Record::Event(event) => Record::Event(self.anything(event)?),
            Record::Incident(incident) => Record::Incident(self.anything(incident)?),
            Record::Context(context) => Record::Context(self.anything(context)?),
            Record::Counters(counters) => Record::Counters(self.anything(counters)?),
            Record::Ledger(ledger) => Record::Ledger(self.anything(ledger)?),
            Record::Trailer(trailer) => Record::Trailer(self.anything(trailer)?),
        })
    }

    /// Whatever is made of records, and has fields named as theirs.
    ///
    /// # Errors
    /// Where it cannot be told apart from its own form any more: never, by the fields of this crate.
    pub fn anything<T: Serialize + DeserializeOwned>(&mut self, of: &T) -> serde_json::Result<T> {
        let mut value = serde_json::to_value(of)?;
        let mut names = Names::default();
        self.collect(&value, None, &mut names);
        if let Some(host) = self.host.clone() {
            names
                .replaced
                .push((host.clone(), self.word("host", &host)));
        }
        names
            .replaced
            .sort_by(|(one, _), (two, _)| two.len().cmp(&one.len()).then(one.cmp(two)));
        names.replaced.dedup();
        self.replace(&mut value, None, &names);
        serde_json::from_value(value)
    }

    /// Whether a field's name that has no line in [`FIELDS`] stays as it is.
    fn is_ours(&mut self, name: &str) -> bool {
        if self.ours.contains(name) {
            return true;
        }
        let stays = text::redact(self, &Names::default(), name) == name;
        if stays && self.ours.len() < MAX_OURS {
            self.ours.insert(name.to_owned());
        }
        stays
    }

    fn address(&mut self, addr: IpAddr) -> IpAddr {
        self.addresses.pseudonym(&self.key, addr)
    }

    fn word(&self, kind: &str, word: &str) -> String {
        format!("{kind}-{}", self.key.short(word))
    }

    /// Every name that stands in a field of its own, for the sentences.
    fn collect(&mut self, value: &Value, holds: Option<Holds>, names: &mut Names) {
        match value {
            _ if matches!(holds, Some(Holds::Script)) => {}
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.collect(value, within(holds, name), names);
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.collect(value, holds, names);
                }
            }
            Value::String(text) => match holds {
                Some(Holds::Ours | Holds::Table) => {
                    names.kept.push(text.clone());
                }
                // Addresses are known by their form.
                None | Some(Holds::Address) => {}
                Some(_) if text.is_empty() => {}
                Some(holds) => {
                    let pseudonym = self.pseudonym(holds, text);
                    names.replaced.push((text.clone(), pseudonym));
                }
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn replace(&mut self, value: &mut Value, holds: Option<Holds>, names: &Names) {
        match value {
            value if matches!(holds, Some(Holds::Script)) => *value = Value::Null,
            Value::Object(fields) => {
                let is_table = matches!(holds, Some(Holds::Table));
                let mut ours = true;
                for (name, value) in fields.iter_mut() {
                    let known = field(name);
                    ours &= is_table || known.is_some() || self.is_ours(name);
                    self.replace(value, known.or(holds.filter(|_| is_table)), names);
                }
                if !ours {
                    for (name, value) in std::mem::take(fields) {
                        fields.insert(text::redact(self, &Names::default(), &name), value);
                    }
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.replace(value, holds, names);
                }
            }
            Value::String(text) if !text.is_empty() => {
                *text = match holds {
                    None => text::redact(self, names, text),
                    Some(holds) => self.pseudonym(holds, text),
                };
            }
            _ => {}
        }
    }

    fn pseudonym(&mut self, holds: Holds, text: &str) -> String {
        match holds {
            Holds::Ours | Holds::Table => text.to_owned(),
            Holds::Address => match text.parse() {
                Ok(addr) => self.address(addr).to_string(),
                Err(_) => self.word("addr", text),
            },
            Holds::Name(kind) => self.word(kind, text),
            Holds::Path => self.path(text),
            Holds::Cgroup => self.cgroup(text),
            Holds::Id => self.id(text),
            Holds::Device if is_common_device(text) => text.to_owned(),
            Holds::Device => self.word("dev", text),
            Holds::Chain if is_common_chain(text) => text.to_owned(),
            Holds::Chain => self.word("chain", text),
            Holds::Script => String::new(),
        }
    }

    /// A directory and a name; where the name is a process's, it has the same pseudonym.
    fn path(&self, path: &str) -> String {
        match path.rsplit_once('/') {
            Some(("", name)) => format!("/{}", self.word("proc", name)),
            Some((directory, name)) => format!(
                "/{}/{}",
                self.word("path", directory),
                self.word("proc", name)
            ),
            None => self.word("proc", path),
        }
    }

    /// Each part for itself; what systemd makes on every host stays, and so do the endings.
    fn cgroup(&self, path: &str) -> String {
        const COMMON: [&str; 6] = [
            "",
            "system.slice",
            "user.slice",
            "machine.slice",
            "init.scope",
            "kubepods.slice",
        ];
        let parts = path.split('/').map(|part| {
            if COMMON.contains(&part) {
                return part.to_owned();
            }
            let ending = [".service", ".scope", ".slice"]
                .into_iter()
                .find(|ending| part.ends_with(ending))
                .unwrap_or("");
            format!("{}{ending}", self.word("unit", part))
        });
        parts.collect::<Vec<_>>().join("/")
    }

    /// As many digits as there were, hyphens where they were.
    fn id(&self, id: &str) -> String {
        let mut digits = self.key.hex(id, 64).into_bytes().into_iter().cycle();
        id.chars()
            .take(64)
            .map(|c| match c {
                '-' => '-',
                _ => digits.next().map_or('0', char::from),
            })
            .collect()
    }
}

/// What only a replay needs is full of names in other forms (hexadecimal digits): it goes. `None` for
/// a record that has nothing of it.
fn without_script(record: &Record) -> Option<Record> {
    Some(match record {
        Record::Event(event) if event.wire.is_some() => {
            let event = record::Event {
                wire: None,
                ..(**event).clone()
            };
            Record::Event(Box::new(event))
        }
        Record::Context(context) => Record::Context(Box::new(match &**context {
            Context::Run { .. } => return None,
            Context::Announced { .. } => Context::Announced { wire: Value::Null },
            Context::Ways { .. } => Context::Ways { ways: Vec::new() },
            Context::Judged { now_ns, .. } => Context::Judged {
                now_ns: *now_ns,
                attempts: Vec::new(),
            },
        })),
        _ => return None,
    })
}

/// What a field of a structure holds.
fn within(holds: Option<Holds>, name: &str) -> Option<Holds> {
    field(name).or(holds.filter(|holds| matches!(holds, Holds::Table)))
}

fn field(name: &str) -> Option<Holds> {
    BY_NAME.get(name).copied()
}

/// Devices that are called the same on many hosts.
fn is_common_device(name: &str) -> bool {
    const KINDS: [&str; 9] = [
        "bond", "br", "docker", "dummy", "eno", "eth", "tap", "tun", "wg",
    ];
    let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
    name == "lo" || (KINDS.contains(&kind) && kind.len() < name.len())
}

/// Tables and chains that are called the same on many hosts.
fn is_common_chain(name: &str) -> bool {
    const NAMES: [&str; 10] = [
        "filter",
        "nat",
        "mangle",
        "raw",
        "security",
        "prerouting",
        "input",
        "forward",
        "output",
        "postrouting",
    ];
    NAMES.iter().any(|it| it.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        record::{Process, Way},
        show::sample,
    };

    fn redactor() -> Redactor {
        Redactor::new(Key::from_secret("test"))
    }

    /// One record of every kind; the host's name is none of our words.
    fn records() -> Vec<Record> {
        let mut records = sample::records();
        for record in &mut records {
            if let Record::Header(header) = record {
                header.host = "db7.example".to_owned();
                header.degraded[0].why = "db7.example says no".to_owned();
            }
        }
        records
    }

    /// Every string of a record that stands in a field with a name in it, and every address.
    fn originals(record: &Record) -> Vec<String> {
        fn walk(value: &Value, holds: Option<Holds>, found: &mut Vec<String>) {
            match value {
                Value::Object(fields) => fields
                    .iter()
                    .for_each(|(name, value)| walk(value, within(holds, name), found)),
                Value::Array(values) => values.iter().for_each(|value| walk(value, holds, found)),
                Value::String(text)
                    if !matches!(holds, None | Some(Holds::Ours | Holds::Table)) =>
                {
                    found.push(text.clone());
                }
                _ => {}
            }
        }
        let mut found = Vec::new();
        walk(&serde_json::to_value(record).unwrap(), None, &mut found);
        found.retain(|text| !is_common_device(text) && !is_common_chain(text) && text != "tcpwhy");
        found
    }

    #[test]
    fn nothing_of_the_original_is_left() {
        let mut redactor = redactor();
        let records = records();
        let before: Vec<String> = records.iter().flat_map(originals).collect();
        assert!(before.contains(&"10.9.1.1".to_owned()));
        assert!(before.contains(&"curl https://10.9.1.1".to_owned()));
        for record in &records {
            let after = serde_json::to_string(&redactor.record(record).unwrap()).unwrap();
            for original in &before {
                assert!(!after.contains(original.as_str()), "{original}: {after}");
            }
        }
    }

    #[test]
    fn what_is_no_name_stays() {
        let mut redactor = redactor();
        for record in records() {
            let after = redactor.record(&record).unwrap();
            match (record, after) {
                (Record::Failure(before), Record::Failure(after)) => {
                    assert_eq!(before.id, after.id);
                    assert_eq!(before.time, after.time);
                    assert_eq!(before.cause, after.cause);
                    assert_eq!(before.why, after.why);
                    assert_eq!(before.fix, after.fix);
                    let (before_it, after_it) = (&before.drops[0], &after.drops[0]);
                    assert_eq!(
                        (&before_it.location, &before_it.hook, before_it.count),
                        (&after_it.location, &after_it.hook, after_it.count)
                    );
                    let (before_it, after_it) = (&before_it.candidates[0], &after_it.candidates[0]);
                    assert_eq!(
                        (&before_it.family, &before_it.verdict, before_it.handle),
                        (&after_it.family, &after_it.verdict, after_it.handle)
                    );
                    assert!(after_it.rule.contains(" tcp dport 443 counter drop "));
                    assert_eq!(before.timing, after.timing);
                    assert_eq!(before.socket.remote.port, after.socket.remote.port);
                    assert_eq!(before.process.unwrap().pid, after.process.unwrap().pid);
                }
                (Record::Event(before), Record::Event(after)) => {
                    assert_eq!(before.detail, after.detail);
                }
                (Record::Ledger(before), Record::Ledger(after)) => assert_eq!(before, after),
                (Record::Trailer(before), Record::Trailer(after)) => assert_eq!(before, after),
                (Record::Counters(before), Record::Counters(after)) => assert_eq!(before, after),
                _ => {}
            }
        }
    }

    #[test]
    fn one_name_is_one_pseudonym_wherever_it_stands() {
        let mut failure = sample::failure();
        failure.process = Some(Process {
            comm: "shop".to_owned(),
            exe: Some("/srv/acme/shop".to_owned()),
            cmdline: Some("shop --token s3cr3t".to_owned()),
            cgroup: Some("/system.slice/shop.service".to_owned()),
            unit: Some("shop.service".to_owned()),
            container: Some("0123456789abcdef".repeat(4)),
            ..Process::default()
        });
        failure.summary = "shop[1] could not reach 10.9.1.1:443: 10.9.1.1 is silent".to_owned();
        let Record::Failure(after) = redactor()
            .record(&Record::Failure(Box::new(failure)))
            .unwrap()
        else {
            panic!("no failure")
        };
        let process = after.process.as_ref().unwrap();
        let remote = after.socket.remote.addr;
        assert_eq!(
            after.summary,
            format!(
                "{}[1] could not reach {remote}:443: {remote} is silent",
                process.comm
            )
        );
        assert!(process.comm.starts_with("proc-") && process.comm.len() <= 15);
        assert!(process.exe.as_ref().unwrap().ends_with(&process.comm));
        let unit = process.unit.as_ref().unwrap();
        assert!(unit.ends_with(".service"));
        assert_eq!(process.cgroup, Some(format!("/system.slice/{unit}")));
        assert_eq!(process.container.as_ref().unwrap().len(), 64);
    }

    #[test]
    fn the_host_goes_from_sentences_too() {
        let mut redactor = redactor();
        let Some(Record::Header(mut header)) = sample::records().into_iter().next() else {
            panic!("no header")
        };
        header.host = "certain".to_owned();
        let record = redactor.record(&Record::Header(header)).unwrap();
        assert!(!serde_json::to_string(&record).unwrap().contains("certain"));
        let mut failure = sample::failure();
        failure.missing = vec!["certain is a host".to_owned()];
        let record = redactor
            .record(&Record::Failure(Box::new(failure)))
            .unwrap();
        let Record::Failure(failure) = record else {
            panic!("no failure")
        };
        assert!(!failure.missing[0].contains("certain"), "{failure:?}");
    }

    #[test]
    fn what_only_a_replay_needs_goes() {
        let mut event = sample::event();
        event.wire = Some(serde_json::json!({"fields": {"comm": "6375726c"}}));
        let redacted = redactor().record(&Record::Event(Box::new(event))).unwrap();
        let text = serde_json::to_string(&redacted).unwrap();
        assert!(!text.contains("6375726c"), "{text}");
        for context in [
            Context::Announced {
                wire: serde_json::json!({"fields": {"comm": "6375726c"}}),
            },
            Context::Judged {
                now_ns: 1,
                attempts: vec![serde_json::json!({"cgroup": "6375726c"})],
            },
            Context::Ways {
                ways: vec![Way {
                    netns: 1,
                    way: Some("ip netns exec 6375726c ".to_owned()),
                }],
            },
        ] {
            let redacted = redactor()
                .record(&Record::Context(Box::new(context)))
                .unwrap();
            let text = serde_json::to_string(&redacted).unwrap();
            assert!(!text.contains("6375726c"), "{text}");
        }
    }
}
