#!/usr/bin/env python3
# Copyright (c) 2026 The kmemleak authors. All rights reserved.
# Use of this source code is governed by the BSD-3-Clause license in LICENSE.

"""
Runs the hooks of kmemleak_hooks.py on a real kernel, as kmemleak_check.py calls them.

    run.py KERNEL KMEMLEAK LEAKY.KO [PARAMETERS]

tmt itself is not part of this: it is not in Debian 12. The kernel boots in QEMU, and
``execute`` is a shell on its serial console. Prints a line a test, as the last two words of
which are the outcomes before and after.
"""

import base64
import pathlib
import subprocess
import sys
import tempfile

import kmemleak_hooks

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t debugfs debugfs /sys/kernel/debug
insmod /leaky.ko
stty -F /dev/ttyS0 -echo
echo guest-ready
while read -r script; do
    sh -c "$script" >/out 2>/err </dev/null
    echo "guest-status $? $(base64 /out | tr -d '\\n') - $(base64 /err | tr -d '\\n') end"
done </dev/ttyS0
poweroff -f
"""


class Guest:
    """A kernel in QEMU with a shell."""

    def __init__(self, kernel: str, kmemleak: str, module: str, parameters: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        root = pathlib.Path(self.folder.name, "root")
        for name in ("bin", "dev", "proc", "sys"):
            (root / name).mkdir(parents=True)
        for source, name in (("/bin/busybox", "bin/busybox"), (kmemleak, "bin/kmemleak"), (module, "leaky.ko")):
            (root / name).write_bytes(pathlib.Path(source).read_bytes())
            (root / name).chmod(0o755)
        (root / "init").write_text(INIT)
        (root / "init").chmod(0o755)
        packed = pathlib.Path(self.folder.name, "initramfs")
        subprocess.run(f"find . | cpio -o -H newc --quiet >{packed}", shell=True, cwd=root, check=True)
        self.qemu = subprocess.Popen(
            ["qemu-system-x86_64", "-m", "512M", "-nographic", "-no-reboot", "-kernel", kernel, "-initrd", str(packed),
             "-append", f"console=ttyS0 loglevel=1 panic=-1 no_timer_check init_on_alloc=1 {parameters}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        self._line("guest-ready")

    def _line(self, word: str) -> str:
        seen = []
        for line in self.qemu.stdout:
            seen.append(line)
            if word in line:  # behind what the firmware leaves on the screen
                return line[line.index(word) :]
        raise RuntimeError("the guest has ended: " + "".join(seen[-20:]))

    def execute(self, script: str) -> tuple[int, str, str]:
        self.qemu.stdin.write(script + "\n")
        self.qemu.stdin.flush()
        words = self._line("guest-status ").split()
        out, err = " ".join(words[2:-1]).split("-")
        return int(words[1]), *(base64.b64decode(text).decode(errors="replace") for text in (out, err))

    def close(self) -> None:
        self.qemu.kill()
        self.qemu.wait()
        self.folder.cleanup()


def main() -> None:
    guest = Guest(*sys.argv[1:4], " ".join(sys.argv[4:]))
    try:
        for name, test in {"clean": "true", "leaks": "echo 3 >/sys/module/leaky/parameters/leak"}.items():
            before, cursor, why = kmemleak_hooks.before(guest.execute)
            guest.execute(test)
            after, text = kmemleak_hooks.after(guest.execute, cursor, ("-module", "leaky", "-dir", "/leaky.ko"))
            print(f"{why}{text}\n{name}: {before} {after}")
        # What tmt would do where the program is missing, and after the guest was booted anew.
        missing = kmemleak_hooks.before(lambda script: guest.execute(f"PATH=/none; {script}"))
        other = kmemleak_hooks.after(guest.execute, "a-cursor-of-another-boot")
        print(f"{missing[2]}{other[1]}\nbroken: {missing[0]} {other[0]}")
    finally:
        guest.close()


if __name__ == "__main__":
    main()
