#!/bin/bash
# First process of a director: a user-mode-linux guest on a read-only hostfs root (KF_KERNEL=guest), or the first
# process of private mount, process and network namespaces (KF_KERNEL=namespace). Kernel words arrive as environment:
#   KF_HOST name, KF_FILES the host's directory of the lab (seen inside as /run/lab), KF_REPOSITORY, KF_SCRIPT (a
#   script to run once instead of being a director).
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8

mount -t proc proc /proc
if [ "$KF_KERNEL" = guest ]; then
  mount -t sysfs sys /sys
  mount -t tmpfs run /run
  mount -t tmpfs tmp /tmp
  [ -e /dev/null ] || mount -t devtmpfs dev /dev
  mkdir -p /dev/pts /dev/shm /run/lab /run/lock /run/keepfleet /run/modules/lib/modules
  mount -t devpts devpts /dev/pts
  mount -t tmpfs shm /dev/shm
  [ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
  mount -t hostfs -o "$KF_FILES" lab /run/lab
  # A repository below /tmp or /run has just been hidden.
  [ -e "$KF_REPOSITORY/package.json" ] || { mkdir -p "$KF_REPOSITORY"; mount -t hostfs -o "$KF_REPOSITORY" repository "$KF_REPOSITORY"; }

  # The kernel's modules lie where modprobe does not look; the kernel itself must find them too (ip_vs schedulers, macvlan).
  ln -s "/usr/lib/uml/modules/$(</proc/sys/kernel/osrelease)" /run/modules/lib/modules/
  printf '#!/bin/sh\nexec /sbin/modprobe -d /run/modules "$@"\n' >/run/modules/modprobe
  chmod +x /run/modules/modprobe
  echo /run/modules/modprobe >/proc/sys/kernel/modprobe
  modprobe -d /run/modules -a ipv6 ip_vs ip_vs_rr || echo "init: the kernel modules could not be loaded"
else
  mount -t tmpfs run /mnt
  mkdir -p /mnt/lab /mnt/lock /mnt/keepfleet
  mount --bind "$KF_FILES" /mnt/lab
  mount --move /mnt /run
fi

echo "$KF_HOST" >/proc/sys/kernel/hostname

# Addresses usable at once (no duplicate address detection), no router advertisements, forwarding, and no opinion of the
# kernel about the path a packet took: replies come back from the real servers on another interface.
cd /proc/sys/net
for at in all default; do
  echo 0 >ipv6/conf/$at/accept_dad
  echo 0 >ipv6/conf/$at/accept_ra
  echo 0 >ipv4/conf/$at/rp_filter
  echo 0 >ipv4/conf/$at/send_redirects
done
echo 0 >ipv6/conf/default/dad_transmits
echo 1 >ipv4/ip_forward
echo 1 >ipv6/conf/all/forwarding
cd /

if [ -n "$KF_SCRIPT" ]; then
  ip link set lo up
  cd "$KF_REPOSITORY"
  PATH="$KF_REPOSITORY/node_modules/.bin:$PATH" bash "$KF_SCRIPT" >/run/lab/output 2>&1 </dev/null
  echo $? >/run/lab/code
  echo o >/proc/sysrq-trigger
  sleep 10
fi

ip -batch /run/lab/network.batch || echo "init: the network could not be set up"

# Bash stays the first process: it reaps what the killed processes of the agent leave behind.
steward() {
  if [ "$KF_KERNEL" = guest ]; then
    stty -F /dev/ttyS0 raw -echo
    exec "$KF_REPOSITORY/node_modules/.bin/node" "$KF_REPOSITORY/test/lab/src/steward-main.ts" </dev/ttyS0 >/dev/ttyS0
  fi
  exec "$KF_REPOSITORY/node_modules/.bin/node" "$KF_REPOSITORY/test/lab/src/steward-main.ts" <&3 >&4 3<&- 4>&-
}
[ "$KF_KERNEL" = guest ] || exec 3<&0 4>&1 </dev/null >>/run/lab/logs/console.log 2>&1
echo "init: network up after $(cut -d' ' -f1 /proc/uptime) s"
while :; do
  steward 2>>/run/lab/logs/steward.log &
  wait $!
  echo "init: the steward ended with $?; starting it again"
  sleep 1
done
