#!/usr/bin/env python3
# Copyright (c) 2026 The kmemleak authors. All rights reserved.
# Use of this source code is governed by the BSD-3-Clause license in LICENSE.

"""
Runs the check plugin of examples/ci/tmt on a real kernel, as tmt calls it.

    tmt_check.py KERNEL KMEMLEAK LEAKY.KO [PARAMETERS]

The plugin's classes are those of tmt where that is installed. make test installs from
Debian, which has no tmt, not in unstable either: there, a stand-in has the names that the
plugin uses. A test that boots its guest is called as tmt does, in parts, and only the
results of the last part count. The kernel boots in QEMU, and a guest's execute() is a shell on its serial console. Prints a line a
test, the last two words of which are the outcomes before and after.
"""

import base64
import dataclasses
import enum
import importlib
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import types
from typing import Any, Generic, TypeVar

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


def stand_in() -> None:
    """Make modules with the names of tmt that the plugin uses."""
    known = TypeVar("known")

    class GeneralError(Exception):
        pass

    class RunError(GeneralError):
        def __init__(self, returncode: int, stdout: str, stderr: str) -> None:
            super().__init__(f"exit status {returncode}")
            self.returncode, self.stdout, self.stderr = returncode, stdout, stderr

    @dataclasses.dataclass
    class Check:
        how: str

    class CheckPlugin(Generic[known]):
        pass

    def field(*, default_factory: Any, help: str, normalize: Any) -> Any:
        return dataclasses.field(default_factory=default_factory)

    @dataclasses.dataclass
    class CheckResult:
        name: str
        result: Any
        log: list[pathlib.Path]

    outcomes = enum.Enum("ResultOutcome", {name.upper(): name for name in ("pass", "fail", "info", "warn", "error", "skip")})
    for name, content in {
        "tmt": {},
        "tmt.log": {"Logger": object},
        "tmt.utils": {"GeneralError": GeneralError, "RunError": RunError, "ShellScript": str, "Environment": dict, "normalize_string_list": None},
        "tmt.checks": {"Check": Check, "CheckPlugin": CheckPlugin, "provides_check": lambda name: lambda plugin: plugin},
        "tmt.container": {"container": dataclasses.dataclass, "field": field},
        "tmt.result": {"CheckResult": CheckResult, "ResultOutcome": outcomes},
    }.items():
        module = sys.modules[name] = types.ModuleType(name)
        module.__dict__.update(content)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)


class Invocation:
    """A test that tmt runs on a guest."""

    def __init__(self, guest: Guest, folder: pathlib.Path, error: type, healthy: bool = True) -> None:
        self.check_data: dict[str, Any] = {}
        self.check_files_path = folder / "checks"
        self.is_guest_healthy = healthy
        self.phase = types.SimpleNamespace(step_workdir=folder)
        self.guest = types.SimpleNamespace(facts=types.SimpleNamespace(sudo_prefix=""), execute=self._execute)
        self._on, self._error = guest, error

    def _execute(self, script: Any, silent: bool) -> Any:
        status, out, err = self._on.execute(str(script))
        if status != 0:
            raise self._error(status, out, err)
        return types.SimpleNamespace(stdout=out, stderr=err)


def main() -> None:
    if importlib.util.find_spec("tmt") is None:
        stand_in()
    plugin = importlib.import_module("kmemleak_check")
    utils, how = sys.modules["tmt.utils"], plugin.KmemleakCheck(how="kmemleak", flags=["-module", "leaky", "-dir", "/leaky.ko"])

    def error(status: int, out: str, err: str) -> Exception:
        if hasattr(utils, "Command"):  # the real one
            return utils.RunError("failed", utils.Command("sh"), status, out, err)
        return utils.RunError(status, out, err)

    guest = Guest(*sys.argv[1:4], " ".join(sys.argv[4:]))
    try:
        for name, parts in {
            "clean": ["true"],
            "leaks": ["echo 20 >/sys/module/leaky/parameters/leak"],
            "leaks-before-a-boot": ["echo 20 >/sys/module/leaky/parameters/leak", "true"],
            "crashed": [""],
            "missing": ["mv /bin/kmemleak /bin/elsewhere"],
        }.items():
            with tempfile.TemporaryDirectory() as folder:
                invocation = Invocation(guest, pathlib.Path(folder), error)
                for part in parts:
                    before = plugin.Kmemleak.before_test(check=how, invocation=invocation, logger=None)
                    guest.execute(part)
                    invocation.is_guest_healthy = part != ""
                    after = plugin.Kmemleak.after_test(check=how, invocation=invocation, logger=None)
                for result in before + after:
                    for log in result.log:
                        print(pathlib.Path(folder, log).read_text())
                print(f"{name}: {before[0].result.value} {after[0].result.value}")
    finally:
        guest.close()


if __name__ == "__main__":
    main()
