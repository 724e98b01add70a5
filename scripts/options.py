"""The options of the scratch scripts: a mistake in one is an error of one line, like any other."""

from __future__ import annotations

import argparse
from typing import NoReturn

from pyexport.errors import UsageError


class Options(argparse.ArgumentParser):
    """Raises UsageError, which run_script prints, where argparse would print its usage and exit."""

    def __init__(self, description: str | None) -> None:
        first = description.splitlines()[0] if description else None
        super().__init__(description=first, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message.removeprefix('argument ')}; --help lists the options")
