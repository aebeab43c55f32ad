//! What the path of a control group says of its processes: container, Kubernetes pod, systemd unit.
//! The innermost of each counts, since groups are nested (systemd or Docker within a container).

/// A container, as the component of a path names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Container<'a> {
    /// Its id: 64 hexadecimal digits.
    pub id: &'a str,
    /// What runs it, where that shows: `docker`, `containerd`, `cri-o` or `podman`.
    pub runtime: Option<&'static str>,
}

/// What stands before the id, in the names of systemd scopes and of podman's and CRI-O's groups.
const PREFIXES: [(&str, &str); 6] = [
    ("docker", "docker"),
    ("cri-containerd", "containerd"),
    ("containerd", "containerd"),
    ("nerdctl", "containerd"),
    ("crio", "cri-o"),
    ("libpod", "podman"),
];

/// The container of a control group's path.
#[must_use]
pub fn container(path: &str) -> Option<Container<'_>> {
    let mut inwards: Vec<&str> = path.split('/').collect();
    while let Some(component) = inwards.pop() {
        let parent = inwards.last().copied().unwrap_or_default();
        if let Some(found) = named_by(component, parent) {
            return Some(found);
        }
    }
    None
}

/// `ID` or `PREFIX-ID`, with `.scope` or without, and `SLICE:PREFIX:ID` of a containerd that takes the
/// systemd driver's names for paths. Monitors (`crio-conmon-ID`) are outside of the container, and a
/// podman pod's own group (`libpod_parent/ID`) is no container's.
fn named_by<'a>(component: &'a str, parent: &str) -> Option<Container<'a>> {
    let name = component.strip_suffix(".scope").unwrap_or(component);
    let (before, id) = name.rsplit_once(['-', ':']).unwrap_or(("", name));
    if !is_hexadecimal(id, 64) {
        return None;
    }
    let prefix = before.rsplit(':').next().unwrap_or_default();
    let runtime = PREFIXES.iter().find(|(known, _)| *known == prefix);
    match (before, parent) {
        ("", "libpod_parent") => None,
        ("", "docker") => Some("docker"),
        ("", _) => Some(""),
        _ => runtime
            .map(|(_, runtime)| *runtime)
            .or_else(|| (!before.ends_with("conmon")).then_some("")),
    }
    .map(|runtime| Container {
        id,
        runtime: (!runtime.is_empty()).then_some(runtime),
    })
}

/// The UID of the Kubernetes pod: `podUID` with the cgroupfs driver; with systemd's
/// `kubepods-burstable-podUID.slice`, where `_` stands for `-`. That of a static pod is the hash of its
/// configuration: 32 digits.
#[must_use]
pub fn pod_uid(path: &str) -> Option<String> {
    path.rsplit('/').find_map(|component| {
        let first = component.split(':').next()?;
        let name = first.strip_suffix(".slice").unwrap_or(first);
        let last = name.rsplit('-').next()?;
        // With the cgroupfs driver the UID's own dashes stand in it.
        let uid = name
            .strip_prefix("pod")
            .or_else(|| last.strip_prefix("pod"))?;
        let uid = uid.replace('_', "-");
        is_uid(&uid).then_some(uid)
    })
}

fn is_uid(text: &str) -> bool {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let groups: Vec<&str> = text.split('-').collect();
    let is_uuid = groups.len() == GROUPS.len()
        && groups
            .iter()
            .zip(GROUPS)
            .all(|(group, len)| is_hexadecimal(group, len));
    is_uuid || is_hexadecimal(text, 32)
}

fn is_hexadecimal(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Kinds of systemd units that have processes (`systemd.unit(5)`), but for slices, which only group
/// them.
const UNITS: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];

/// The systemd unit, as `systemctl status` takes it.
#[must_use]
pub fn unit(path: &str) -> Option<&str> {
    path.rsplit('/')
        // Names that the kernel might take for files of its own have a `_` before them (`cg_escape`,
        // `src/basic/cgroup-util.c`).
        .map(|component| component.strip_prefix('_').unwrap_or(component))
        .find(|name| {
            let kind = UNITS.iter().find(|kind| name.ends_with(**kind));
            kind.is_some_and(|kind| name.len() > kind.len() && !name.contains(':'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
    const POD: &str = "a5c1f8d5-1919-434d-add7-4afaafdaef89";
    const STATIC_POD: &str = "187bff14cccb94f179e943eacce55bb3";

    /// Path (`ID`, `OTHER`, `POD`, `P_O_D` and `STATIC` stand for the above), runtime and container,
    /// pod, unit.
    type Row = (
        &'static str,
        Option<(&'static str, &'static str)>,
        &'static str,
        &'static str,
    );

    const ENGINES: [Row; 17] = [
        // Docker with the cgroupfs driver, with systemd's, with a parent of one's own, rootless, in
        // Docker.
        ("/docker/ID", Some(("docker", ID)), "", ""),
        (
            "/system.slice/docker-ID.scope",
            Some(("docker", ID)),
            "",
            "docker-ID.scope",
        ),
        (
            "/batch.slice/batch-jobs.slice/docker-ID.scope",
            Some(("docker", ID)),
            "",
            "docker-ID.scope",
        ),
        ("/batch/ID", Some(("", ID)), "", ""),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope",
            Some(("docker", ID)),
            "",
            "docker-ID.scope",
        ),
        ("/docker/OTHER/docker/ID", Some(("docker", ID)), "", ""),
        // Old Docker below the root.
        ("/ID", Some(("", ID)), "", ""),
        // ECS: the task, then the container.
        (
            "/ecs/2c2f0d3f2b5c4f6bb1b0c3a2f9b1c1d2/ID",
            Some(("", ID)),
            "",
            "",
        ),
        (
            "/ecs-tasks.slice/ecs-tasks-2c2f0d3f2b5c4f6bb1b0c3a2f9b1c1d2.slice/docker-ID.scope",
            Some(("docker", ID)),
            "",
            "docker-ID.scope",
        ),
        // nerdctl.
        (
            "/system.slice/nerdctl-ID.scope",
            Some(("containerd", ID)),
            "",
            "nerdctl-ID.scope",
        ),
        // podman: systemd driver on v1 and v2, in a pod, rootless, cgroupfs driver; monitors.
        (
            "/machine.slice/libpod-ID.scope",
            Some(("podman", ID)),
            "",
            "libpod-ID.scope",
        ),
        (
            "/machine.slice/libpod-ID.scope/container",
            Some(("podman", ID)),
            "",
            "libpod-ID.scope",
        ),
        (
            "/machine.slice/machine-libpod_pod_OTHER.slice/libpod-ID.scope/container",
            Some(("podman", ID)),
            "",
            "libpod-ID.scope",
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
            Some(("podman", ID)),
            "",
            "libpod-ID.scope",
        ),
        ("/libpod_parent/libpod-ID", Some(("podman", ID)), "", ""),
        (
            "/libpod_parent/OTHER/libpod-ID",
            Some(("podman", ID)),
            "",
            "",
        ),
        (
            "/machine.slice/libpod-conmon-ID.scope",
            None,
            "",
            "libpod-conmon-ID.scope",
        ),
    ];

    const PODS: [Row; 13] = [
        // The kubelet's cgroupfs driver: the runtime does not show, but CRI-O's.
        ("/kubepods/burstable/podPOD/ID", Some(("", ID)), POD, ""),
        ("/kubepods/podPOD/ID", Some(("", ID)), POD, ""),
        (
            "/kubepods/besteffort/podPOD/crio-ID",
            Some(("cri-o", ID)),
            POD,
            "",
        ),
        ("/kubepods/besteffort/podPOD/crio-conmon-ID", None, POD, ""),
        // Its systemd driver: burstable, guaranteed, and a static pod.
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podP_O_D.slice/cri-containerd-ID.scope",
            Some(("containerd", ID)),
            POD,
            "cri-containerd-ID.scope",
        ),
        (
            "/kubepods.slice/kubepods-podP_O_D.slice/crio-ID.scope",
            Some(("cri-o", ID)),
            POD,
            "crio-ID.scope",
        ),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podP_O_D.slice/docker-ID.scope",
            Some(("docker", ID)),
            POD,
            "docker-ID.scope",
        ),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podSTATIC.slice/crio-conmon-ID.scope",
            None,
            STATIC_POD,
            "crio-conmon-ID.scope",
        ),
        (
            "/kubepods/burstable/podSTATIC/ID",
            Some(("", ID)),
            STATIC_POD,
            "",
        ),
        // A containerd that takes systemd's names for paths.
        (
            "/system.slice/containerd.service/kubepods-burstable-podP_O_D.slice:cri-containerd:ID",
            Some(("containerd", ID)),
            POD,
            "containerd.service",
        ),
        // kind: a kubelet in Docker.
        (
            "/docker/OTHER/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-podP_O_D.slice/cri-containerd-ID.scope",
            Some(("containerd", ID)),
            POD,
            "cri-containerd-ID.scope",
        ),
        // Docker in a pod: the inner container, the outer one's pod.
        (
            "/kubepods/burstable/podPOD/OTHER/docker/ID",
            Some(("docker", ID)),
            POD,
            "",
        ),
        (
            "/kubepods.slice/kubepods-podP_O_D.slice/cri-containerd-OTHER.scope/docker/ID",
            Some(("docker", ID)),
            POD,
            "cri-containerd-OTHER.scope",
        ),
    ];

    const UNITS_OF_SYSTEMD: [Row; 14] = [
        ("/", None, "", ""),
        ("/init.scope", None, "", "init.scope"),
        ("/system.slice", None, "", ""),
        ("/system.slice/nginx.service", None, "", "nginx.service"),
        (
            "/system.slice/system-getty.slice/getty@tty1.service",
            None,
            "",
            "getty@tty1.service",
        ),
        (
            r"/system.slice/systemd-fsck@dev-disk-by\x2duuid-1.service",
            None,
            "",
            r"systemd-fsck@dev-disk-by\x2duuid-1.service",
        ),
        // Escaped, since the kernel has files of that name.
        ("/system.slice/_memory.service", None, "", "memory.service"),
        // A group that the service has made for itself.
        (
            "/system.slice/app.service/workers/1",
            None,
            "",
            "app.service",
        ),
        ("/system.slice/ssh.socket", None, "", "ssh.socket"),
        (
            "/user.slice/user-1000.slice/session-3.scope",
            None,
            "",
            "session-3.scope",
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/agent.service",
            None,
            "",
            "agent.service",
        ),
        // systemd in a container.
        (
            "/docker/ID/system.slice/nginx.service",
            Some(("docker", ID)),
            "",
            "nginx.service",
        ),
        (
            "/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service",
            None,
            "",
            "nginx.service",
        ),
        ("/.service/.scope", None, "", ""),
    ];

    fn filled_in(text: &str) -> String {
        text.replace("OTHER", OTHER)
            .replace("P_O_D", &POD.replace('-', "_"))
            .replace("POD", POD)
            .replace("STATIC", STATIC_POD)
            .replace("ID", ID)
    }

    #[test]
    fn paths_say_what_their_makers_put_into_them() {
        let rows = ENGINES.iter().chain(&PODS).chain(&UNITS_OF_SYSTEMD);
        for (path, expected, pod, of_unit) in rows {
            let path = filled_in(path);
            let found = container(&path).map(|it| (it.runtime.unwrap_or_default(), it.id));
            assert_eq!(found, *expected, "{path}");
            assert_eq!(pod_uid(&path).unwrap_or_default(), *pod, "{path}");
            assert_eq!(
                unit(&path).unwrap_or_default(),
                filled_in(of_unit),
                "{path}"
            );
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not_taken() {
        let long = format!("{ID}0");
        for path in [
            format!("/docker/{}", &ID[1..]),
            format!("/docker/{long}"),
            format!("/docker/{}g", &ID[1..]),
            format!("/libpod_parent/{ID}"),
            format!("/machine.slice/machine-libpod_pod_{ID}.slice"),
            "/podcast/podium/pod".to_owned(),
            format!("/kubepods/pod{}", &POD[1..]),
            "/kubepods/pod€/é".to_owned(),
            String::new(),
        ] {
            assert_eq!((container(&path), pod_uid(&path)), (None, None), "{path}");
        }
    }
}
