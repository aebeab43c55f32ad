//! What the path of a control group says of its process.

/// Container id of a control group's path.
///
/// Docker, containerd, CRI-O and podman all put the 64 hexadecimal digits of the container's id
/// into the last components of the path.
pub(super) fn container_id(cgroup: &str) -> Option<String> {
    const LEN: usize = 64;
    let mut words = cgroup.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .rfind(|word| word.len() == LEN && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(str::to_owned)
}

/// The innermost systemd unit of a control group's path.
pub(super) fn unit(cgroup: &str) -> Option<String> {
    let is_unit = |part: &&str| part.ends_with(".service") || part.ends_with(".scope");
    cgroup.rsplit('/').find(is_unit).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn container_ids_and_units_come_from_the_path() {
        let id = "0123456789abcdef".repeat(4);
        for path in [
            format!("/docker/{id}"),
            format!("/system.slice/docker-{id}.scope"),
            format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"),
            format!("/machine.slice/libpod-{id}.scope/container"),
        ] {
            assert_eq!(container_id(&path).as_ref(), Some(&id), "{path}");
        }
        assert_eq!(
            container_id("/user.slice/user-0.slice/session-1.scope"),
            None
        );
        assert_eq!(
            unit("/system.slice/nginx.service").as_deref(),
            Some("nginx.service")
        );
        assert_eq!(unit("/user.slice"), None);
    }
}
