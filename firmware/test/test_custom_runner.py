"""Reads what the test programs of firmware/test print; PlatformIO's `pio test` loads it.

A test program prints "PASS name" or "FAIL name line" for each test, then "DONE". It ends with
status 1 when a test failed, where its board can end at all.
"""

from __future__ import annotations

import re

import click
from platformio.public import TestCase, TestRunnerBase, TestStatus
from platformio.test.exception import UnitTestError

RESULT = re.compile(r"^(PASS|FAIL) (\w+)(?: (\d+))?$")


class CustomTestRunner(TestRunnerBase):  # PlatformIO looks for this name
    reason = ""

    def on_testing_line_output(self, line: str) -> None:
        text = line.strip()
        if text.startswith("# "):
            self.reason = text[2:]
        elif found := RESULT.match(text):
            failed = found[1] == "FAIL"
            status = TestStatus.FAILED if failed else TestStatus.PASSED
            message = (self.reason or f"line {found[3]}") if failed else None
            case = TestCase(name=found[2], status=status, message=message, stdout=text)
            self.test_suite.add_case(case)
            self.reason = ""
        elif text == "DONE":
            self.test_suite.on_finish()
            return
        click.echo(line, nl=False)

    def stage_testing(self) -> None:
        """Take a program that ended before its last test as an error, not as a success."""
        try:
            super().stage_testing()
        except UnitTestError:  # for its exit status, which a failed test explains
            if not self.test_suite.get_status_nums(TestStatus.FAILED):
                raise
        if not self.options.without_testing and not self.test_suite.is_finished():
            raise UnitTestError("the test program ended before it printed DONE")
