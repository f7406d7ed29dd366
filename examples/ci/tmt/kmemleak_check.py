# Copyright (c) 2026 The kmemleak authors. All rights reserved.
# Use of this source code is governed by the BSD-3-Clause license in LICENSE.

"""
A check for tmt (https://tmt.readthedocs.io): a test fails if the kernel of its guest leaks.

    check:
      - how: kmemleak
        flags: [-module, nvme, -suppress, /etc/kmemleak.known]

Put this file and kmemleak_hooks.py into a folder that TMT_PLUGINS names, and the program
kmemleak into the guest's PATH, such as in a prepare step. Where nobody could look, the
result is an error, never a pass.
"""

from typing import TYPE_CHECKING, Optional

import kmemleak_hooks
import tmt.log
import tmt.utils
from tmt.checks import Check, CheckPlugin, provides_check
from tmt.container import container, field
from tmt.result import CheckResult, ResultOutcome
from tmt.utils import ShellScript

if TYPE_CHECKING:
    from tmt.steps.execute import TestInvocation


@container
class KmemleakCheck(Check):
    flags: list[str] = field(
        default_factory=list,
        help="Flags of kmemleak find.",
        normalize=tmt.utils.normalize_string_list,
    )


def _execute(invocation: "TestInvocation") -> kmemleak_hooks.Execute:
    def execute(script: str) -> tuple[int, str, str]:
        guest = invocation.guest
        try:
            output = guest.execute(ShellScript(f"{guest.facts.sudo_prefix} {script}".strip()), silent=True)
        except tmt.utils.RunError as error:
            return error.returncode, error.stdout or "", error.stderr or ""
        return 0, output.stdout or "", output.stderr or ""

    return execute


@provides_check("kmemleak")
class Kmemleak(CheckPlugin[KmemleakCheck]):
    """Look for memory leaks of the kernel that were allocated during the test."""

    _check_class = KmemleakCheck

    @classmethod
    def before_test(
        cls,
        *,
        check: KmemleakCheck,
        invocation: "TestInvocation",
        environment: Optional[tmt.utils.Environment] = None,
        logger: tmt.log.Logger,
    ) -> list[CheckResult]:
        outcome, cursor, why = kmemleak_hooks.before(_execute(invocation))
        (invocation.check_files_path / "kmemleak-cursor").write_text(cursor)
        return [_result(invocation, outcome, why, "kmemleak-before-test.txt")]

    @classmethod
    def after_test(
        cls,
        *,
        check: KmemleakCheck,
        invocation: "TestInvocation",
        environment: Optional[tmt.utils.Environment] = None,
        logger: tmt.log.Logger,
    ) -> list[CheckResult]:
        # A test may reboot its guest: kmemleak refuses a cursor of another boot.
        saved = invocation.check_files_path / "kmemleak-cursor"
        cursor = saved.read_text() if saved.exists() else ""
        outcome, text = kmemleak_hooks.after(_execute(invocation), cursor, tuple(check.flags))
        return [_result(invocation, outcome, text, "kmemleak-after-test.txt")]


def _result(invocation: "TestInvocation", outcome: str, text: str, name: str) -> CheckResult:
    log = []
    if text:
        path = invocation.check_files_path / name
        path.write_text(text)
        log.append(path.relative_to(invocation.phase.step_workdir))
    return CheckResult(name="kmemleak", result=ResultOutcome(outcome), log=log)
