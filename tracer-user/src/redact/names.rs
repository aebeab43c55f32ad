//! What stands for a name, by what it is the name of.

use std::net::IpAddr;

use super::{Redactor, fields::Holds};

impl Redactor {
    /// What stands for an address.
    pub(super) fn address(&mut self, addr: IpAddr) -> IpAddr {
        self.addresses.pseudonym(&self.key, addr)
    }

    /// What stands for a word: what it is, and a pseudonym.
    pub(super) fn word(&self, kind: &str, word: &str) -> String {
        format!("{kind}-{}", self.key.short(word))
    }

    /// What stands for a field's value.
    pub(super) fn pseudonym(&mut self, holds: Holds, text: &str) -> String {
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

/// Devices that are called the same on many hosts.
pub(super) fn is_common_device(name: &str) -> bool {
    const KINDS: [&str; 9] = [
        "bond", "br", "docker", "dummy", "eno", "eth", "tap", "tun", "wg",
    ];
    let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
    name == "lo" || (KINDS.contains(&kind) && kind.len() < name.len())
}

/// Tables and chains that are called the same on many hosts.
pub(super) fn is_common_chain(name: &str) -> bool {
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
