#!/bin/busybox sh
# The guest's first process: mounts, modules, the folder shared with the host, and then the agent. The machine ends with it.
/bin/busybox --install -s /bin
export PATH=/guest/bin:/bin LD_LIBRARY_PATH=/guest/lib
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
mount -t bpf bpf /sys/fs/bpf
for module in /modules/*.ko; do
    insmod "$module" || echo "lab: $module does not load"
done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=loose,ro guest /guest || echo "lab: no shared folder"
ln -s /guest/lib64 /lib64
# One address for the host to talk to, on the interface that is there for nothing else.
name-interfaces
ip link set lo up
ip link set mgmt up
ip address add 10.79.0.2/24 dev mgmt
gateway-lab-agent
echo "lab: the agent has ended"
poweroff -f
