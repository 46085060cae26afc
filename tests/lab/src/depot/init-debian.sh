#!/bin/busybox sh
# The Debian guest's first process: modules, the folder shared with the host, the system out of its archive; then systemd.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
    insmod "$module" || echo "lab: $module does not load"
done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=loose,ro guest /guest || echo "lab: no shared folder"
mount -t tmpfs -o mode=755,size=1g root /root
tar -xf /guest/debian.tar -C /root || echo "lab: the system does not unpack"
mkdir -p /root/guest
mount --move /guest /root/guest
mount --move /dev /root/dev
umount /sys
umount /proc
exec switch_root /root /lib/systemd/systemd
