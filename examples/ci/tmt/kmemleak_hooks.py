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

#: Outcomes, the worst one last: it is not a pass, nobody knows whether there are leaks.
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


class Parts:
    """
    One test, which may run in several parts, since it may boot its guest. A harness forgets
    what it was told of a part when the next one begins: after() tells the worst of all.
    """

    def __init__(self) -> None:
        self._cursor = ""
        self._ended: list[tuple[str, str]] = []

    def before(self, execute: Execute) -> tuple[str, str]:
        """Return the outcome, and why nobody can look."""
        outcome, self._cursor, why = before(execute)
        return outcome, why

    def after(self, execute: Execute, flags: tuple[str, ...] = ()) -> tuple[str, str]:
        """Return the outcome of all parts until now, and what after() says of each."""
        self._ended.append(after(execute, self._cursor, flags))
        self._cursor = ""
        worst = max((outcome for outcome, _ in self._ended), key=(PASS, FAIL, ERROR).index)
        return worst, "\n".join(text for _, text in self._ended)
