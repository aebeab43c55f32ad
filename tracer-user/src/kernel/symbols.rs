//! Which kernel function an address lies in, from `/proc/kallsyms` (kernel/kallsyms.c).

use std::{fmt, fs, io};

const KALLSYMS: &str = "/proc/kallsyms";
const MODULES: &str = "/proc/modules";

/// No function is longer; past it, an address belongs to code that the list does not have.
const MAX_FUNCTION: u64 = 1 << 16;

/// What compilers append to the names of a function's parts and copies.
const SUFFIXES: [&str; 5] = ["cold", "constprop", "isra", "llvm", "part"];

/// Why there are no symbols. Each is one line.
#[derive(Debug)]
pub enum SymbolsError {
    /// The list cannot be read, or has no functions in it.
    Unreadable(io::Error),
    /// All addresses are zero: they are hidden from this process.
    Hidden,
}

impl fmt::Display for SymbolsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot read {KALLSYMS}: {error}"),
            Self::Hidden => write!(
                f,
                "{KALLSYMS} hides the kernel's addresses: needs CAP_SYSLOG and kernel.kptr_restrict below 2"
            ),
        }
    }
}

impl std::error::Error for SymbolsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(error) => Some(error),
            Self::Hidden => None,
        }
    }
}

struct Symbol {
    address: u64,
    /// Where its name is in `Symbols::names`.
    name: u32,
    len: u32,
}

/// The functions of the kernel and of its modules.
pub struct Symbols {
    /// By address; of several at one address, the first is the one that kallsyms prefers.
    symbols: Vec<Symbol>,
    names: String,
    /// The modules that were loaded when the list was read.
    modules: String,
}

impl Symbols {
    /// Reads the running kernel's list, which takes the kernel some 50 ms to write: to be done
    /// when the first address needs a name.
    pub fn read() -> Result<Self, SymbolsError> {
        // Before the list: a module that is loaded in between makes it read once more.
        let modules = loaded_modules();
        let text = fs::read_to_string(KALLSYMS).map_err(SymbolsError::Unreadable)?;
        Ok(Self {
            modules,
            ..Self::parse(&text)?
        })
    }

    /// False once other modules are loaded than when the list was read: an address in a new one
    /// has no name in it, or that of a function that lies near.
    pub fn is_current(&self) -> bool {
        self.modules == loaded_modules()
    }

    /// Reads a list: a line is address, type, name and perhaps a module in brackets.
    pub fn parse(text: &str) -> Result<Self, SymbolsError> {
        let mut symbols = Vec::with_capacity(text.len() / 40);
        let mut names = String::with_capacity(text.len() / 2);
        let mut hidden = false;
        for (address, name) in text.lines().filter_map(function) {
            hidden |= address == 0;
            let (Ok(start), Ok(len)) = (u32::try_from(names.len()), u32::try_from(name.len()))
            else {
                break;
            };
            if address != 0 {
                symbols.push(Symbol {
                    address,
                    name: start,
                    len,
                });
                names.push_str(name);
            }
        }
        match (symbols.is_empty(), hidden) {
            (true, true) => return Err(SymbolsError::Hidden),
            (true, false) => {
                return Err(SymbolsError::Unreadable(io::ErrorKind::InvalidData.into()));
            }
            _ => {}
        }
        // Stable: aliases of one address stay in order.
        symbols.sort_by_key(|symbol| symbol.address);
        Ok(Self {
            symbols,
            names,
            modules: String::new(),
        })
    }

    /// The function that holds a return address, without the compiler's suffixes.
    ///
    /// A call may be a function's last instruction, its return address the next one's first: so
    /// the byte before is looked up.
    pub fn resolve(&self, return_address: u64) -> Option<&str> {
        let address = return_address.checked_sub(1)?;
        let end = self
            .symbols
            .partition_point(|symbol| symbol.address <= address);
        let start = self.symbols.get(end.checked_sub(1)?)?.address;
        if address - start >= MAX_FUNCTION {
            return None;
        }
        let first = self
            .symbols
            .partition_point(|symbol| symbol.address < start);
        let symbol = self.symbols.get(first)?;
        let from = usize::try_from(symbol.name).ok()?;
        let name = self
            .names
            .get(from..from + usize::try_from(symbol.len).ok()?)?;
        Some(without_suffix(name))
    }
}

/// Names and places of the modules that are loaded; empty where that cannot be read. Lines are
/// name, size, users, their names, state, address and perhaps flags (kernel/module/procfs.c).
fn loaded_modules() -> String {
    let text = fs::read_to_string(MODULES).unwrap_or_default();
    let place = |line: &str| {
        let mut words = line.split(' ');
        Some(format!("{} {}\n", words.next()?, words.nth(4)?))
    };
    text.lines().filter_map(place).collect()
}

/// Address and name, if the line is of a function.
fn function(line: &str) -> Option<(u64, &str)> {
    let (address, rest) = line.split_once(' ')?;
    let (kind, rest) = rest.split_once(' ')?;
    let name = rest.split_once('\t').map_or(rest, |(name, _)| name);
    // `$x` and the like mark code and data on arm64; they are no functions.
    if !matches!(kind, "T" | "t" | "W" | "w") || name.starts_with('$') {
        return None;
    }
    Some((u64::from_str_radix(address, 16).ok()?, name))
}

/// `tcp_v4_rcv.part.0` and `tcp_v4_rcv.cold` are parts of `tcp_v4_rcv`.
fn without_suffix(name: &str) -> &str {
    let mut dots = name.match_indices('.').filter(|(at, _)| *at > 0);
    let suffix = dots.find(|(at, _)| {
        let word = name[at + 1..].split('.').next().unwrap_or_default();
        SUFFIXES.contains(&word)
    });
    suffix.map_or(name, |(at, _)| &name[..at])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const SAMPLE: &str = "\
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000100 t first.part.0
ffffffff81000140 T second
ffffffff81000150 D some_data
ffffffff81000160 d more_data
ffffffff81000200 t third.constprop.0.isra.0.cold
ffffffff81000300 W weak.llvm.1234567
ffffffffc0201000 t in_module\t[a_module]
ffffffffc0101000 t $x\t[other]
ffffffffc0101000 t earlier_module\t[other]
not a line
";

    #[test]
    fn a_return_address_names_its_function() {
        let symbols = Symbols::parse(SAMPLE).unwrap();
        for (address, name) in [
            (0xffff_ffff_8100_0000, None),
            (0xffff_ffff_8100_0001, Some("_stext")),
            (0xffff_ffff_8100_0140, Some("first")),
            (0xffff_ffff_8100_0141, Some("second")),
            (0xffff_ffff_8100_0170, Some("second")),
            (0xffff_ffff_8100_0201, Some("third")),
            (0xffff_ffff_8100_0301, Some("weak")),
            (0xffff_ffff_8101_0301, None),
            (0xffff_ffff_c010_1008, Some("earlier_module")),
            (0xffff_ffff_c020_1008, Some("in_module")),
            (0, None),
            (u64::MAX, None),
        ] {
            assert_eq!(symbols.resolve(address), name, "{address:#x}");
        }
    }

    #[test]
    fn only_the_compilers_suffixes_go() {
        for (name, stripped) in [
            ("plain", "plain"),
            ("a.b", "a.b"),
            ("a.b.part.3", "a.b"),
            (".cold", ".cold"),
            ("x.partial", "x.partial"),
            ("", ""),
        ] {
            assert_eq!(without_suffix(name), stripped);
        }
    }

    #[test]
    fn hidden_addresses_are_an_error_of_their_own() {
        let hidden = Symbols::parse("0000000000000000 T _stext\n0000000000000000 t a\n");
        assert!(matches!(hidden, Err(SymbolsError::Hidden)));
        assert!(matches!(
            Symbols::parse(""),
            Err(SymbolsError::Unreadable(_))
        ));
        assert!(matches!(
            Symbols::parse("junk\n\u{e9} \t \n"),
            Err(SymbolsError::Unreadable(_))
        ));
    }

    #[test]
    fn the_running_kernel_has_tcp() {
        // Without privileges the addresses are zero.
        let Ok(symbols) = Symbols::read() else { return };
        let text = fs::read_to_string(KALLSYMS).unwrap();
        let line = text
            .lines()
            .find(|line| line.ends_with(" T tcp_v4_connect"))
            .unwrap();
        let address = u64::from_str_radix(line.split(' ').next().unwrap(), 16).unwrap();
        assert_eq!(symbols.resolve(address + 5), Some("tcp_v4_connect"));
    }
}
