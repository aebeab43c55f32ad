#!/usr/bin/busybox sh
# The guest's first process: mounts what a system has, runs the command, says how it ended.
export PATH=/usr/sbin:/usr/bin:/opt TCPWHY=/opt/tcpwhy HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mount -t cgroup2 cgroup /sys/fs/cgroup
mkdir -p /dev/net
modprobe veth
modprobe tun
modprobe nf_tables
[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
ip link set lo up
echo "== running on $(uname -r)"
sh /command
echo "== ended with $?"
poweroff -f
