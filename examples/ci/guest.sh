#!/bin/sh
# Boots a kernel in QEMU with an initramfs of its own, runs a command there as root, and
# exits as kmemleak find does about that command: 0 without leaks, 1 with leaks, 2 if nobody
# could look, which is also the case if the guest does not come so far, and 3 if the
# command fails without leaks.
#
#	guest.sh KERNEL COMMAND [FILE...]
#
# COMMAND is for the shell of busybox, in the folder / where the FILEs are. The first of
# them that is a module gives source lines. PROGRAM is kmemleak, a static one, BUSYBOX
# a static busybox, and QEMU the command that boots x86 kernels, with its flags.
set -eu
kernel=$1 command=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/guest/bin" "$work/guest/dev" "$work/guest/proc" "$work/guest/sys" "$work/guest/tmp"
cp "${BUSYBOX:-/bin/busybox}" "$work/guest/bin/busybox"
cp "${PROGRAM:-$(command -v kmemleak)}" "$work/guest/bin/kmemleak"
[ $# -eq 0 ] || cp "$@" "$work/guest/"
printf '%s\n' "$command" >"$work/guest/command"
cat >"$work/guest/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t debugfs debugfs /sys/kernel/debug
kmemleak find -dir / -- sh -e /command 2>&1
echo "guest.sh: exit status $?"
poweroff -f
END
chmod +x "$work/guest/init"
(cd "$work/guest" && find . | cpio -o -H newc --quiet | gzip) >"$work/initramfs"
# shellcheck disable=SC2086 # words
${QEMU:-qemu-system-x86_64 -m 512M} -nographic -no-reboot -kernel "$kernel" -initrd "$work/initramfs" \
	-append "console=ttyS0 quiet panic=-1 no_timer_check kmemleak=on init_on_alloc=1 ${APPEND-}" </dev/null 2>&1 | tee "$work/console"
status=$(tr -d '\r' <"$work/console" | sed -n 's/^guest.sh: exit status \([0-9]\)$/\1/p')
case $status in
[0-3]) exit "$status" ;;
esac
echo "guest.sh: the guest ended before it had looked" >&2
exit 2
