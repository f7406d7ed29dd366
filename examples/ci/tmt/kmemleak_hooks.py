# Copyright (c) 2026 The kmemleak authors. All rights reserved.
# Use of this source code is governed by the BSD-3-Clause license in LICENSE.

"""
What a test harness in Python does before a test and after it, without a harness.

``execute`` runs a script in the shell of the guest, as root, and returns its exit status,
its standard output and its standard error. The program ``kmemleak`` is in the guest's PATH.
"""

import shlex
from collections.abc import Callable

Execute = Callable[[str], tuple[int, str, str]]

#: Outcomes. The last one is not a pass: nobody knows whether there are leaks.
PASS, FAIL, ERROR = "pass", "fail", "error"


def before(execute: Execute) -> tuple[str, str, str]:
    """Return the outcome, a cursor for after(), and why there is none."""
    status, out, err = execute("kmemleak mark")
    cursor = out.strip()
    if status != 0 or not cursor:
        return ERROR, "", err or f"kmemleak mark: exit status {status}"
    return PASS, cursor, ""


def after(execute: Execute, cursor: str, flags: tuple[str, ...] = ()) -> tuple[str, str]:
    """Return the outcome, and the leaks since the cursor or why nobody could look."""
    if not cursor:
        return ERROR, "kmemleak could not look before the test"
    status, out, err = execute(shlex.join(["kmemleak", "find", "-since", cursor, *flags]))
    if status == 0:
        return PASS, out
    if status == 1:
        return FAIL, out
    return ERROR, err + out or f"kmemleak find: exit status {status}"
