//! `cargo xtask churn`: connections that live a moment, and what they cost the process.
//!
//! One process holds both ends, so its CPU time is all that the connections cost, whichever side
//! a BPF program ran on.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

/// Connections that come before the measured ones: they pay for caches and the first route.
pub(crate) const WARM_UP: u32 = 100;

/// Opens and closes connections on loopback in a fresh network namespace (used by `bench`).
///
/// Prints one JSON object: connections, wall_ns, cpu_ns. Needs root, for the namespace.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask churn --connections 5000
  cargo xtask churn --connections 20000 --refused --cpu 1")]
pub(crate) struct Args {
    /// How many connections, one after the other
    #[arg(long, default_value_t = 5000, value_name = "N")]
    connections: u32,
    /// Connect where nothing listens
    #[arg(long)]
    refused: bool,
    /// Run on this CPU only
    #[arg(long, value_name = "CPU")]
    cpu: Option<usize>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if let Some(cpu) = args.cpu {
        pin(cpu)?;
    }
    fresh_network()?;
    let work = if args.refused { refused } else { healthy };
    work(WARM_UP)?;
    let (cpu, wall) = (cpu_time()?, Instant::now());
    work(args.connections)?;
    let (wall, cpu) = (wall.elapsed(), cpu_time()? - cpu);
    println!(
        "{}",
        json!({
            "connections": args.connections,
            "wall_ns": u64::try_from(wall.as_nanos())?,
            "cpu_ns": u64::try_from(cpu.as_nanos())?,
        })
    );
    Ok(())
}

/// Connect, accept, close: the connecting end first.
fn healthy(connections: u32) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
    let address = listener.local_addr()?;
    for done in 0..connections {
        let client = TcpStream::connect(address)
            .with_context(|| format!("connection {done} failed: fewer --connections?"))?;
        let (server, _) = listener.accept()?;
        drop(client);
        drop(server);
    }
    Ok(())
}

/// Connects to a port where nothing listens.
fn refused(connections: u32) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    for _ in 0..connections {
        match TcpStream::connect(address) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error).context("a connect was not refused but failed"),
            Ok(_) => bail!("a connect to {address} was not refused"),
        }
    }
    Ok(())
}

/// Moves this process into a network namespace of its own, loopback up, with many ports.
fn fresh_network() -> Result<()> {
    // SAFETY: unshare takes flags only.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        let error = io::Error::last_os_error();
        return Err(error).context("cannot make a network namespace: run this as root");
    }
    loopback_up().context("cannot bring up the namespace's loopback")?;
    // Every healthy connection leaves its port in TIME_WAIT.
    let ports = "/proc/sys/net/ipv4/ip_local_port_range";
    std::fs::write(ports, "1024 65535").with_context(|| format!("cannot write {ports}"))
}

fn loopback_up() -> io::Result<()> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // SAFETY: ifreq is plain data, for which all zeroes are a value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *to = libc::c_char::try_from(*from).unwrap_or_default();
    }
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).unwrap_or_default();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&socket);
    // SAFETY: SIOCSIFFLAGS reads one ifreq, which lives until the call returns.
    if unsafe { libc::ioctl(fd, libc::SIOCSIFFLAGS, &raw mut request) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Keeps this process on one CPU.
fn pin(cpu: usize) -> Result<()> {
    // SAFETY: cpu_set_t is plain data, for which all zeroes are the empty set.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    if cpu >= 8 * size_of_val(&set) {
        bail!("there is no CPU {cpu}: see `nproc`");
    }
    // SAFETY: the bound was checked above, and the set lives through both calls.
    let status = unsafe {
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set)
    };
    if status != 0 {
        let error = io::Error::last_os_error();
        return Err(error).with_context(|| format!("cannot run on CPU {cpu}: see `nproc`"));
    }
    Ok(())
}

/// User and system time of this process so far.
fn cpu_time() -> Result<Duration> {
    // SAFETY: rusage is plain data, for which all zeroes are a value.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: getrusage writes one rusage, which lives until the call returns.
    if unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) } != 0 {
        return Err(io::Error::last_os_error()).context("getrusage failed");
    }
    Ok(time(usage.ru_utime)? + time(usage.ru_stime)?)
}

fn time(value: libc::timeval) -> Result<Duration> {
    let micros = Duration::from_micros(u64::try_from(value.tv_usec)?);
    Ok(Duration::from_secs(u64::try_from(value.tv_sec)?) + micros)
}
