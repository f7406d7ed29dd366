# Copyright (c) 2026 The kmemleak authors. All rights reserved.
# Use of this source code is governed by the BSD-3-Clause license in LICENSE.

"""
A check for tmt (https://tmt.readthedocs.io): a test fails if the kernel of its guest leaks.

    check:
      - how: kmemleak
        flags: [-module, nvme, -suppress, /etc/kmemleak.known]

Put this file and kmemleak_hooks.py into a folder that TMT_PLUGINS names, and the program
kmemleak into the guest's PATH, such as in a prepare step. Where nobody could look, the
result is an error, never a pass, and tmt makes it that of the test. tmt warns that the
check is in none of its schemas, as for each plugin that is not its own.

A test may boot its guest in the middle (tmt-reboot, restart-on-exit-code). tmt then runs
the checks anew and drops their earlier results; what was found before the boot still
counts here. A guest that has crashed cannot be looked at, which is an error.
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


def _parts(check: KmemleakCheck, invocation: "TestInvocation") -> kmemleak_hooks.Parts:
    # Not in a file: those of the test may come back from the guest as they were before it was booted.
    return invocation.check_data.setdefault(" ".join([check.how, *check.flags]), kmemleak_hooks.Parts())


def _execute(invocation: "TestInvocation") -> kmemleak_hooks.Execute:
    def execute(script: str) -> tuple[int, str, str]:
        guest = invocation.guest
        if not getattr(invocation, "is_guest_healthy", True):
            return 255, "", "the guest does not answer: it has crashed, or is to be booted by force"
        try:
            output = guest.execute(ShellScript(f"{guest.facts.sudo_prefix} {script}".strip()), silent=True)
        except tmt.utils.RunError as error:
            return error.returncode, error.stdout or "", error.stderr or ""
        except tmt.utils.GeneralError as error:
            return 255, "", f"the guest does not answer: {error}"
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
        outcome, why = _parts(check, invocation).before(_execute(invocation))
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
        outcome, text = _parts(check, invocation).after(_execute(invocation), tuple(check.flags))
        return [_result(invocation, outcome, text, "kmemleak-after-test.txt")]


def _result(invocation: "TestInvocation", outcome: str, text: str, name: str) -> CheckResult:
    log = []
    if text:
        path = invocation.check_files_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        log.append(path.relative_to(getattr(invocation.phase, "step_workdir", None) or invocation.phase.step.workdir))
    return CheckResult(name="kmemleak", result=ResultOutcome(outcome), log=log)
