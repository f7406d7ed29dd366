#!/usr/bin/env bash
# Has the command line look at a guest from the host: over ssh, with dropbear, and over a
# serial line. The guest is busybox, without any program of ours, and its kernel lies
# somewhere else at each boot (KASLR). The source lines come from files of the host.
#
#   remote.sh KERNEL     (after integration.sh has built bin/vmexec and bin/init-amd64)
set -euo pipefail
cd "$(dirname "$0")/../.."
kernel=$1
work=$(mktemp -d)
guest=
trap '[ -z "$guest" ] || kill "$guest" 2>/dev/null || true; rm -rf "$work"' EXIT
image=$(internal/kernels/kernels.sh kernel "$kernel")/image
CGO_ENABLED=0 go build -o "$work/kmemleak" ./cmd/kmemleak

dropbearkey -t ed25519 -f "$work/host" >/dev/null
dropbearkey -t ed25519 -f "$work/key" | grep '^ssh-' >"$work/authorized_keys"
echo 'root:x:0:0:root:/root:/bin/sh' >"$work/passwd"
echo 'root:x:0:' >"$work/group"
echo /bin/sh >"$work/shells"
cat >"$work/guest.sh" <<'EOF'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
chmod 700 /root /root/.ssh
chmod 600 /root/.ssh/authorized_keys
ip link set lo up
ip address add 10.0.2.15/24 dev eth0
ip link set eth0 up
dropbear -E -F -r /host -p 22 &
setsid -c sh -i </dev/ttyS3 >/dev/ttyS3 2>&1 &
echo the guest is up
while [ ! -e /tmp/end ]; do sleep 0.2; done
EOF
files=()
put() { files+=(-file "$1=$2"); }
put "$work/host" /host
put "$work/authorized_keys" /root/.ssh/authorized_keys
put "$work/passwd" /etc/passwd
put "$work/group" /etc/group
put "$work/shells" /etc/shells
put /bin/busybox /bin/busybox
put /usr/sbin/dropbear /bin/dropbear
put "testdata/modules/leaky/$kernel/leaky.ko" /leaky.ko
for library in $(ldd /usr/sbin/dropbear | grep -o '/[^ ]*'); do
	put "$(readlink -f "$library")" "$library"
done
port=$((20000 + $$ % 20000))
bin/vmexec -kernel "$image" -init bin/init-amd64 -timeout 8m -forward "$port:22" -line "$work/line" "${files[@]}" \
	"$work/guest.sh" >"$work/guest.log" 2>&1 &
guest=$!
touch "$work/guest.log"
for ((i = 0; i < 300; i++)); do
	grep -q 'the guest is up' "$work/guest.log" && break
	kill -0 "$guest" 2>/dev/null || break
	sleep 0.2
done
grep -q 'the guest is up' "$work/guest.log" || { cat "$work/guest.log" >&2; exit 1; }

ssh="dbclient -y -y -i $work/key -p $port root@127.0.0.1 sh"
for ((i = 0; i < 50; i++)); do # the server starts, too
	$ssh <<<: 2>/dev/null && break
	sleep 0.5
done
kmemleak() { "$work/kmemleak" "$@"; }
fail() { echo "remote.sh: $*" >&2; cat "$work/guest.log" >&2; exit 1; }

# look FLAG VALUE: everything over one way to the guest.
look() {
	local before middle after out
	echo "=== $1"
	kmemleak status "$@" | tee "$work/status"
	grep -q '^kmemleak  *on' "$work/status" || fail "$1: status"
	grep -q '^configuration  */proc/config.gz' "$work/status" || fail "$1: the kernel's configuration is not known"
	kmemleak auto "$@" off
	before=$(kmemleak mark "$@")
	$ssh <<<'echo 3 > /sys/module/leaky/parameters/leak'
	middle=$(kmemleak mark "$@")
	$ssh <<<'echo 2 > /sys/module/leaky/parameters/other'
	after=$(kmemleak mark "$@")
	printf 'one %s %s\ntwo %s %s\n' "$before" "$middle" "$middle" "$after" >"$work/windows"
	for ((i = 0; i < 5; i++)); do # a stale value may hide a leak for a while
		out=$(kmemleak find "$@" -since "$before" -windows "$work/windows" -module leaky -dir "testdata/modules/leaky/$kernel" -format json) && fail "$1: no leaks" || [ $? -eq 1 ]
		one=$(grep -c '"func":"lose_one".*"file":"[^"]*leaky.c".*"tests":\["one"\]' <<<"$out" || true)
		two=$(grep -c '"func":"lose_another".*"file":"[^"]*leaky.c".*"tests":\["two"\]' <<<"$out" || true)
		[ "$one/$two" != 3/2 ] || break
	done
	[ "$one/$two" = 3/2 ] || fail "$1: $one and $two leaks with source lines, want 3 and 2: $out"
	kmemleak snapshot "$@" | grep -q '"name":"leaky"' || fail "$1: snapshot"
	kmemleak report "$@" -dir "testdata/modules/leaky/$kernel" -format json >"$work/report" && fail "$1: nothing is reported" || [ $? -eq 1 ]
	grep -q lose_one "$work/report" || fail "$1: report"
	kmemleak explain "$@" -dir "testdata/modules/leaky/$kernel" >"$work/explain" || [ $? -eq 1 ] || fail "$1: explain"
	grep -q 'it is still there' "$work/explain" || fail "$1: explain: $(cat "$work/explain")"
	kmemleak dump "$@" "$(grep -m 1 lose_one "$work/report" | sed 's/.*"addr":"\([0-9a-fx]*\)".*/\1/')" | grep -q 'lose_one' || fail "$1: dump"
	kmemleak stack "$@" on
	kmemleak clear "$@"
	kmemleak report "$@" | grep -q '^no leaks' || fail "$1: clear"
	kmemleak scan "$@" -n 1 >/dev/null || [ $? -eq 1 ] || fail "$1: scan"
}
$ssh <<<'insmod /leaky.ko'
look -via "$ssh"
look -serial "$work/line"

# Nobody is there.
status=0
kmemleak find -status bisect -via 'dbclient -y -y -i /no/key -p 1 root@127.0.0.1 sh' >"$work/none" 2>&1 || status=$?
[ "$status" = 125 ] && grep -q 'the shell has ended' "$work/none" || fail "without a guest: status $status, $(cat "$work/none")"
$ssh <<<'touch /tmp/end'
wait "$guest" || fail "the guest failed"
guest=
echo "remote: all commands over ssh and over a serial line"
