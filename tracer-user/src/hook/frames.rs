//! How deep the BPF programs' stacks are: this host's verifier may allow more than the oldest
//! supported kernel does.

use std::collections::BTreeMap;

use object::{Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget, SectionKind};

/// `MAX_BPF_STACK` (`include/linux/filter.h`): until 6.13 the frames of a chain of calls have so much
/// together.
const LIMIT: u64 = 512;
const INSTRUCTION: u64 = 8;

/// Where a function begins: the index of its section, and an offset in bytes.
type Place = (usize, u64);

/// What one function needs, and calls.
struct Function {
    name: String,
    frame: u64,
    calls: Vec<Place>,
}

#[test]
fn no_chain_of_calls_has_a_deeper_stack_than_old_kernels_allow() -> anyhow::Result<()> {
    let functions = functions(crate::hook::load::OBJECT)?;
    assert!(functions.len() > 20, "only {} functions", functions.len());
    let mut calls = 0;
    for (&place, function) in &functions {
        let (depth, chain) = deepest(&functions, place);
        assert!(depth <= LIMIT, "{depth} bytes: {chain}");
        calls += function.calls.len();
    }
    assert!(calls > 20, "only {calls} calls");
    Ok(())
}

fn functions(object: &[u8]) -> anyhow::Result<BTreeMap<Place, Function>> {
    let file = object::File::parse(object)?;
    let mut functions = BTreeMap::new();
    for section in file.sections().filter(|s| s.kind() == SectionKind::Text) {
        let code = section.data()?;
        let moved = relocated_calls(&file, &section);
        let in_section = file
            .symbols()
            .filter(|symbol| symbol.section_index() == Some(section.index()) && symbol.size() > 0);
        for symbol in in_section {
            let (start, end) = (symbol.address(), symbol.address() + symbol.size());
            let body = code
                .get(usize::try_from(start)?..usize::try_from(end)?)
                .unwrap_or_default();
            functions.insert(
                (section.index().0, start),
                Function {
                    name: symbol.name()?.to_owned(),
                    frame: frame(body),
                    calls: calls(section.index().0, start, body, &moved),
                },
            );
        }
    }
    Ok(functions)
}

/// The section that each relocated call leads into, with the offset that the relocation adds.
fn relocated_calls(
    file: &object::File<'_>,
    section: &object::Section<'_, '_>,
) -> BTreeMap<u64, Place> {
    section
        .relocations()
        .filter_map(|(at, relocation)| {
            let RelocationTarget::Symbol(symbol) = relocation.target() else {
                return None;
            };
            let symbol = file.symbol_by_index(symbol).ok()?;
            Some((at, (symbol.section_index()?.0, symbol.address())))
        })
        .collect()
}

/// One instruction (`struct bpf_insn`): code, destination, source, offset, immediate.
fn decode(instruction: &[u8]) -> (u8, u8, u8, i16, i32) {
    let byte = |at: usize| instruction.get(at).copied().unwrap_or_default();
    (
        byte(0),
        byte(1) & 15,
        byte(1) >> 4,
        i16::from_le_bytes([byte(2), byte(3)]),
        i32::from_le_bytes([byte(4), byte(5), byte(6), byte(7)]),
    )
}

/// How far below the frame pointer a function reaches, bytes.
fn frame(body: &[u8]) -> u64 {
    const FRAME_POINTER: u8 = 10;
    const LOAD: u8 = 1;
    const STORE: [u8; 2] = [2, 3];
    const MOVE: u8 = 0xbf;
    const ADD: u8 = 0x07;
    let mut copies = [false; 16];
    let mut lowest = 0_i64;
    for instruction in body.chunks_exact(8) {
        let (code, to, from, offset, immediate) = decode(instruction);
        let class = code & 7;
        if (class == LOAD && from == FRAME_POINTER)
            || (STORE.contains(&class) && to == FRAME_POINTER)
        {
            lowest = lowest.min(offset.into());
        }
        if code == MOVE {
            copies[usize::from(to)] = from == FRAME_POINTER;
        } else if code == ADD && std::mem::take(&mut copies[usize::from(to)]) {
            lowest = lowest.min(immediate.into());
        }
    }
    lowest.unsigned_abs()
}

fn calls(section: usize, start: u64, body: &[u8], moved: &BTreeMap<u64, Place>) -> Vec<Place> {
    const CALL: u8 = 0x85;
    const OF_A_FUNCTION: u8 = 1;
    (start..)
        .step_by(8)
        .zip(body.chunks_exact(8))
        .filter_map(|(at, instruction)| {
            let (code, _, kind, _, immediate) = decode(instruction);
            if code != CALL || kind != OF_A_FUNCTION {
                return None;
            }
            let ahead = i64::from(immediate + 1) * INSTRUCTION.cast_signed();
            let (section, from) = match moved.get(&at) {
                Some(&(section, symbol)) => (section, symbol),
                None => (section, at),
            };
            Some((section, from.checked_add_signed(ahead)?))
        })
        .collect()
}

/// The deepest chain of calls from a function on, as `check_max_stack_depth` counts it
/// (`kernel/bpf/verifier.c`).
fn deepest(functions: &BTreeMap<Place, Function>, place: Place) -> (u64, String) {
    let Some(function) = functions.get(&place) else {
        return (0, format!("?{place:?}"));
    };
    let own = function.frame.max(1).next_multiple_of(32);
    let below = function
        .calls
        .iter()
        .map(|&callee| deepest(functions, callee))
        .max_by_key(|(depth, _)| *depth);
    let name = format!("{} {own}", function.name);
    match below {
        Some((depth, chain)) => (own + depth, format!("{name} -> {chain}")),
        None => (own, name),
    }
}
