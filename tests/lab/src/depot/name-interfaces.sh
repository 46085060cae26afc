#!/bin/busybox sh
# Names the network interfaces by their addresses (/guest/interfaces, one "ADDRESS NAME" a line), and virtual functions of
# igb, whose address is random, by their driver. Run again after every hot-plug.
for path in /sys/class/net/*; do
    old=${path##*/}
    [ -e "$path/device" ] || continue
    new=$(sed -n "s/^$(cat "$path/address") //p" /guest/interfaces)
    driver=$(readlink "$path/device/driver")
    [ "${driver##*/}" = igbvf ] && new=igbvf
    if [ -n "$new" ] && [ "$new" != "$old" ]; then
        ip link set "$old" name "$new"
    fi
done
