//! Somebody ended it from outside.

use crate::{
    diagnose::{case::Case, finding::Finding},
    record::Confidence,
};

pub(super) fn judge(case: &Case<'_>) -> Option<Finding> {
    let err = case.state?.err;
    match err {
        libc::ECONNABORTED => Some(
            Finding::new(
                "killed-by-admin",
                Confidence::Certain,
                "somebody destroyed the socket (ss -K, or the like)",
            )
            .why("the kernel ended it with ECONNABORTED (tcp_abort), no packet did")
            .fix("look for who runs `ss -K`, or removes addresses or network namespaces"),
        ),
        libc::ENOMEM | libc::ENOBUFS => Some(
            Finding::new(
                "out-of-memory",
                Confidence::Certain,
                "the kernel had no memory for it",
            )
            .fix("cat /proc/net/sockstat; sysctl net.ipv4.tcp_mem"),
        ),
        _ => None,
    }
}
