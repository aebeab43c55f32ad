//! Wireless LAN frames that cannot be used (subsystem 1 of a drop reason, `net/mac80211/drop.h`).
//!
//! Few are TCP packets: a frame is named here before anybody looks into it.

use super::Reason;

pub(super) static REASONS: &[Reason] = &[
    Reason::depends(
        "RX_DROP_U_MIC_FAIL",
        "wrong integrity check of a TKIP frame",
    ),
    Reason::depends(
        "RX_DROP_U_REPLAY",
        "its packet number was used before: replayed",
    ),
    Reason::depends(
        "RX_DROP_U_BAD_MMIE",
        "a management frame whose integrity element is wrong",
    ),
    Reason::depends("RX_DROP_U_DUP", "a duplicate of the frame before it"),
    Reason::depends(
        "RX_DROP_U_SPURIOUS",
        "data from a station that is not associated",
    ),
    Reason::depends("RX_DROP_U_DECRYPT_FAIL", "could not be decrypted"),
    Reason::depends("RX_DROP_U_NO_KEY_ID", "too short to name its key"),
    Reason::depends("RX_DROP_U_BAD_CIPHER", "a cipher that is not known"),
    Reason::depends("RX_DROP_U_OOM", "no memory was left for it"),
    Reason::depends(
        "RX_DROP_U_NONSEQ_PN",
        "fragments whose packet numbers do not follow each other",
    ),
    Reason::depends(
        "RX_DROP_U_BAD_KEY_COLOR",
        "fragments encrypted with different keys",
    ),
    Reason::depends(
        "RX_DROP_U_BAD_4ADDR",
        "a frame with four addresses that this interface does not take",
    ),
    Reason::depends(
        "RX_DROP_U_BAD_AMSDU",
        "an aggregate of frames that cannot be taken apart",
    ),
    Reason::depends(
        "RX_DROP_U_BAD_AMSDU_CIPHER",
        "an aggregate of frames with a cipher that does not protect it",
    ),
    Reason::depends(
        "RX_DROP_U_INVALID_8023",
        "cannot be turned into an Ethernet frame",
    ),
    Reason::depends("RX_DROP_U_RUNT_ACTION", "an action frame that is too short"),
    Reason::depends(
        "RX_DROP_U_UNPROT_ACTION",
        "an action frame that should be protected and is not",
    ),
    Reason::depends(
        "RX_DROP_U_UNPROT_DUAL",
        "a public action frame of the protected kind that is not protected",
    ),
    Reason::depends(
        "RX_DROP_U_UNPROT_UCAST_MGMT",
        "a management frame to this station that should be protected and is not",
    ),
    Reason::depends(
        "RX_DROP_U_UNPROT_MCAST_MGMT",
        "a management frame to all that should be protected and is not",
    ),
    Reason::depends(
        "RX_DROP_U_UNPROT_BEACON",
        "a beacon that should be protected and is not",
    ),
    Reason::depends(
        "RX_DROP_U_UNPROT_UNICAST_PUB_ACTION",
        "a public action frame to this station that should be protected and is not",
    ),
    Reason::depends(
        "RX_DROP_U_UNPROT_ROBUST_ACTION",
        "a robust action frame that should be protected and is not",
    ),
    Reason::depends(
        "RX_DROP_U_ACTION_UNKNOWN_SRC",
        "an action frame from a station that is not known",
    ),
    Reason::depends(
        "RX_DROP_U_REJECTED_ACTION_RESPONSE",
        "the answer that an action frame was rejected",
    ),
    Reason::depends(
        "RX_DROP_U_EXPECT_DEFRAG_PROT",
        "fragments of which one should be protected and is not",
    ),
    Reason::depends("RX_DROP_U_WEP_DEC_FAIL", "could not be decrypted by WEP"),
    Reason::depends(
        "RX_DROP_U_NO_IV",
        "too short to hold an initialisation vector",
    ),
    Reason::depends("RX_DROP_U_NO_ICV", "too short to hold an integrity check"),
    Reason::depends(
        "RX_DROP_U_AP_RX_GROUPCAST",
        "to all, but not from the access point",
    ),
    Reason::depends(
        "RX_DROP_U_SHORT_MMIC",
        "too short to hold its integrity check",
    ),
    Reason::depends("RX_DROP_U_MMIC_FAIL", "wrong integrity check"),
    Reason::depends("RX_DROP_U_SHORT_TKIP", "too short for TKIP"),
    Reason::depends("RX_DROP_U_TKIP_FAIL", "could not be decrypted by TKIP"),
    Reason::depends("RX_DROP_U_SHORT_CCMP", "too short for CCMP"),
    Reason::depends(
        "RX_DROP_U_SHORT_CCMP_MIC",
        "too short to hold CCMP's integrity check",
    ),
    Reason::depends("RX_DROP_U_SHORT_GCMP", "too short for GCMP"),
    Reason::depends(
        "RX_DROP_U_SHORT_GCMP_MIC",
        "too short to hold GCMP's integrity check",
    ),
    Reason::depends("RX_DROP_U_SHORT_CMAC", "too short to hold its CMAC"),
    Reason::depends("RX_DROP_U_SHORT_CMAC256", "too short to hold its CMAC-256"),
    Reason::depends("RX_DROP_U_SHORT_GMAC", "too short to hold its GMAC"),
    Reason::depends(
        "RX_DROP_U_UNEXPECTED_VLAN_4ADDR",
        "four addresses, on an access point's VLAN that does not use them",
    ),
    Reason::depends(
        "RX_DROP_U_UNEXPECTED_STA_4ADDR",
        "four addresses, on a station that does not use them",
    ),
    Reason::depends(
        "RX_DROP_U_UNEXPECTED_VLAN_MCAST",
        "a multicast, on an access point's VLAN with four addresses",
    ),
    Reason::depends(
        "RX_DROP_U_NOT_PORT_CONTROL",
        "not of the port's authentication, and the port is not authorised yet",
    ),
    Reason::depends(
        "RX_DROP_U_UNEXPECTED_4ADDR_FRAME",
        "four addresses, from a station that does not use them",
    ),
    Reason::depends(
        "RX_DROP_U_BAD_BCN_KEYIDX",
        "a beacon with a key index that is not in use",
    ),
    Reason::depends(
        "RX_DROP_U_BAD_MGMT_KEYIDX",
        "a management frame with a key index that is not in use",
    ),
    Reason::depends(
        "RX_DROP_U_UNKNOWN_ACTION_REJECTED",
        "an action frame of an unknown kind: the sender was told",
    ),
    Reason::depends(
        "RX_DROP_U_MESH_DS_BITS",
        "a mesh frame whose direction bits are wrong",
    ),
    Reason::depends(
        "RX_DROP_U_MESH_A3_MISMATCH",
        "a mesh frame whose third address is wrong",
    ),
    Reason::depends(
        "RX_DROP_U_MESH_NO_A4",
        "a mesh frame without its fourth address",
    ),
    Reason::depends(
        "RX_DROP_U_MESH_A4_MISMATCH",
        "a mesh frame whose fourth address is wrong",
    ),
    Reason::depends(
        "RX_DROP_U_MESH_UNEXP_DATA",
        "mesh data from a station that is no peer",
    ),
    Reason::depends(
        "RX_DROP_U_MESH_WRONG_ACTION",
        "a mesh action frame from a station that is no peer",
    ),
    Reason::depends(
        "RX_DROP_U_MESH_UNEXP_MGMT",
        "a mesh management frame that does not belong here",
    ),
    Reason::depends(
        "RX_DROP_U_SPURIOUS_NOTIF",
        "data from a station that is not associated: user space was told",
    ),
    Reason::depends("RX_DROP_U_RUNT_DATA", "a data frame that is too short"),
    Reason::depends(
        "RX_DROP_U_KEY_TAINTED",
        "encrypted with a key that is being replaced",
    ),
    Reason::depends("RX_DROP_U_UNPROTECTED", "should be encrypted and is not"),
    Reason::depends(
        "RX_DROP_U_MCAST_FRAGMENT",
        "a fragment to all, which is not allowed",
    ),
    Reason::depends(
        "RX_DROP_U_DEFRAG_MISMATCH",
        "a fragment that does not belong to the one before it",
    ),
    Reason::depends(
        "RX_DROP_U_RUNT_MESH_DATA",
        "a mesh data frame that is too short",
    ),
    Reason::depends("RX_DROP_U_MESH_NO_TTL", "a mesh frame whose hop limit is 0"),
    Reason::depends("RX_DROP_U_MESH_RMC", "a mesh frame that came before"),
    Reason::depends(
        "RX_DROP_U_MESH_BAD_AE",
        "a mesh frame with a wrong address extension",
    ),
    Reason::depends(
        "RX_DROP_U_MESH_TTL_EXPIRED",
        "a mesh frame whose hop limit ran out",
    ),
    Reason::depends(
        "RX_DROP_U_MESH_NOT_FORWARDING",
        "a mesh frame to pass on, and this station does not forward",
    ),
    Reason::depends(
        "RX_DROP_U_AMSDU_WITHOUT_DATA",
        "an aggregate of frames that holds none",
    ),
    Reason::depends(
        "RX_DROP_U_NULL_DATA",
        "a frame without data, as power saving sends them",
    ),
    Reason::depends(
        "RX_DROP_U_UNEXPECTED_4ADDR",
        "four addresses where none are expected",
    ),
    Reason::depends("RX_DROP_U_PORT_CONTROL", "the port is not authorised"),
    Reason::depends("RX_DROP_U_UNKNOWN_STA", "from a station that is not known"),
    Reason::depends(
        "RX_DROP_U_RUNT_BAR",
        "a block-acknowledgement request that is too short",
    ),
    Reason::depends(
        "RX_DROP_U_BAR_OUTSIDE_SESSION",
        "a block-acknowledgement request without a session",
    ),
    Reason::depends(
        "RX_DROP_U_CTRL_FRAME",
        "a control frame, which nobody needs here",
    ),
    Reason::depends(
        "RX_DROP_U_RUNT_MGMT",
        "a management frame that is too short",
    ),
    Reason::depends(
        "RX_DROP_U_EXPECTED_MGMT",
        "no management frame where one is expected",
    ),
    Reason::depends(
        "RX_DROP_U_NONBCAST_BEACON",
        "a beacon that is not addressed to all",
    ),
    Reason::depends(
        "RX_DROP_U_MALFORMED_ACTION",
        "an action frame that is malformed",
    ),
    Reason::depends(
        "RX_DROP_U_UNKNOWN_MCAST_ACTION",
        "an action frame of an unknown kind, to all",
    ),
    Reason::depends(
        "RX_DROP_U_UNEXPECTED_EXT_FRAME",
        "an extension frame that does not belong here",
    ),
    Reason::depends(
        "RX_DROP_U_UNHANDLED_MGMT",
        "a management frame that nobody handles",
    ),
    Reason::depends(
        "RX_DROP_U_MCAST_DEAUTH",
        "a deauthentication of all, which is ignored",
    ),
    Reason::depends(
        "RX_DROP_U_UNHANDLED_DEAUTH",
        "a deauthentication that nobody handles",
    ),
    Reason::depends(
        "RX_DROP_U_MCAST_DISASSOC",
        "a disassociation of all, which is ignored",
    ),
    Reason::depends(
        "RX_DROP_U_UNHANDLED_DISASSOC",
        "a disassociation that nobody handles",
    ),
    Reason::depends(
        "RX_DROP_U_UNHANDLED_PREQ",
        "a probe request that nobody handles",
    ),
    Reason::depends(
        "RX_DROP_U_UNHANDLED_MGMT_STYPE",
        "a management frame of a kind that nobody handles",
    ),
    Reason::depends(
        "RX_DROP_U_NO_LINK",
        "for a link of a multi-link station that is not in use",
    ),
    Reason::depends(
        "RX_DROP_U_DEFRAG_OVERFLOW",
        "fragments that together are too large",
    ),
];
