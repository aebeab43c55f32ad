//! Attempts that ended before a SYN was made: policy, or the route lookup.

use std::net::IpAddr;

use tracer_ebpf::event::unsent;

use crate::{
    attribute::{End, RouteAnswer},
    diagnose::{case::Case, finding::Finding},
    errno,
    record::Confidence,
};

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let End::Unsent(event) = &case.attempt.end else {
        return None;
    };
    if event.cgroup_err != 0 {
        return Some(denied_by_cgroup(case));
    }
    if event.how == unsent::RETURNED {
        return Some(by_errno(case, event.err, Confidence::Certain));
    }
    Some(match &case.attempt.route {
        Some(RouteAnswer::Refused(err)) => by_errno(case, *err, Confidence::Likely)
            .why(format!(
                "asked again right after, the route lookup refuses {} with {}",
                case.remote().ip(),
                errno::name_or_number(*err)
            ))
            .missing(ERRNO_NOT_READ),
        Some(RouteAnswer::Ipv6Off) => Finding::new(
            "no-route",
            Confidence::Likely,
            "IPv6 is switched off in its network namespace",
        )
        .why("net.ipv6.conf.all.disable_ipv6 is 1: no IPv6 address can be used")
        .missing(ERRNO_NOT_READ)
        .fix(format!(
            "{}sysctl net.ipv6.conf.all.disable_ipv6 net.ipv6.conf.lo.disable_ipv6",
            case.way(case.attempt.tuple().netns)
        ))
        .fix("use IPv4 addresses, or switch IPv6 on"),
        Some(RouteAnswer::Found) => unexplained("a route exists, so something else refused it"),
        Some(RouteAnswer::Unknown(why)) => {
            unexplained(&format!("its route could not be looked up: {why}"))
        }
        None => unexplained("its route was not looked up"),
    })
}

const ERRNO_NOT_READ: &str = "the errno that connect() returned: this kernel does not let programs \
     attach to its functions (fexit), so it is inferred from the route lookup";

fn denied_by_cgroup(case: &Case<'_>) -> Finding {
    let family = if case.is_ipv6() { 6 } else { 4 };
    Finding::new(
        "denied-by-policy",
        Confidence::Certain,
        "a control-group BPF program of this host forbids it",
    )
    .why(format!(
        "a cgroup/connect{family} program denied connect() (EPERM)"
    ))
    .fix(format!("bpftool cgroup tree | grep -B3 connect{family}"))
    .fix("systemctl show -p IPAddressDeny -p RestrictAddressFamilies UNIT (what systemd installs)")
}

fn unexplained(missing: &str) -> Finding {
    Finding::new(
        "unknown",
        Confidence::Unknown,
        "connect() failed before a SYN was made",
    )
    .missing(missing)
    .missing(ERRNO_NOT_READ)
}

/// What the route lookup means: `ip_route_output_key_hash_rcu` and `ip6_dst_lookup` give the errno of
/// the route's type (`fib_props`, `net/ipv4/fib_semantics.c`; `ip6_rt_type_to_error`,
/// `net/ipv6/route.c`).
pub(super) fn by_route(err: i32, address: IpAddr) -> Option<(&'static str, String)> {
    Some(match err {
        libc::ENETUNREACH => ("no-route", format!("this host has no route to {address}")),
        libc::EINVAL => (
            "route-blackhole",
            format!("a blackhole route covers {address}"),
        ),
        libc::EHOSTUNREACH => (
            "route-unreachable",
            format!("an unreachable route covers {address}"),
        ),
        libc::EACCES => (
            "route-prohibited",
            format!("a prohibit route covers {address}"),
        ),
        _ => return None,
    })
}

/// The commands that show what the route lookup goes by.
pub(super) fn look_at_routes(case: &Case<'_>, finding: Finding) -> Finding {
    let way = case.way(case.attempt.tuple().netns);
    finding
        .fix(format!("{way}ip route get {}", case.remote().ip()))
        .fix(format!("{way}ip rule; {way}ip route show table all"))
}

fn by_errno(case: &Case<'_>, err: i32, confidence: Confidence) -> Finding {
    let address = case.remote().ip();
    if let Some((cause, what)) = by_route(err, address) {
        let finding = Finding::new(cause, confidence, what)
            .why("the route lookup refused before a SYN was made");
        return look_at_routes(case, finding);
    }
    let (cause, what) = match err {
        libc::EPERM => (
            "denied-by-policy",
            "a policy of this host forbids it".to_owned(),
        ),
        libc::EADDRNOTAVAIL => (
            "ports-exhausted",
            "no local address or port is free".to_owned(),
        ),
        libc::ENOBUFS | libc::ENOMEM => (
            "out-of-memory",
            "the kernel had no memory for it".to_owned(),
        ),
        _ => return unexplained(&format!("no rule explains {}", errno::name_or_number(err))),
    };
    let finding = Finding::new(cause, confidence, what);
    if err == libc::EPERM {
        return finding
            .fix("bpftool cgroup tree")
            .fix("journalctl -k | grep -i denied (LSM, sandbox)");
    }
    look_at_routes(
        case,
        finding.why("the route lookup refused before a SYN was made"),
    )
}
