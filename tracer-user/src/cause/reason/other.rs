//! Of no use to TCP: named so that nobody searches for more.

use super::Reason;

pub(super) static REASONS: &[Reason] = &[
    Reason::depends(
        "CAN_RX_INVALID_FRAME",
        "a malformed CAN frame, or a device that takes none: not of TCP",
    ),
    Reason::depends(
        "CANFD_RX_INVALID_FRAME",
        "a malformed CAN FD frame, or a device that takes none: not of TCP",
    ),
    Reason::depends(
        "CANXL_RX_INVALID_FRAME",
        "a malformed CAN XL frame, or a device that takes none: not of TCP",
    ),
];
