"""pyexport targets: what a header can be exported for and run on, and what is missing here."""

from pyexport.cli.common import JsonOption, out, plain_table, print_json, say
from pyexport.runners import RUNNER_NAMES, available
from pyexport.targets import TARGETS


def targets_command(json: JsonOption = False) -> None:
    """List the targets: chip, memory, compiler, emulator, and what to install for those missing."""
    missing = {name: available(name) for name in RUNNER_NAMES}
    known = {target.name: target for target in TARGETS}
    if json:
        print_json(
            [
                {
                    "name": name,
                    "title": known[name].title if name in known else "this computer",
                    "chip": known[name].chip if name in known else "",
                    "flash_bytes": known[name].flash_bytes if name in known else 0,
                    "ram_bytes": known[name].ram_bytes if name in known else 0,
                    "missing": missing[name],
                }
                for name in RUNNER_NAMES
            ]
        )
        return
    table = plain_table("target", "processor", "chip", ">flash", ">RAM", "~runs here")
    for name in RUNNER_NAMES:
        target = known.get(name)
        table.add_row(
            name,
            target.title if target else "this computer",
            target.chip if target else "",
            _bytes(target.flash_bytes if target else 0),
            _bytes(target.ram_bytes if target else 0),
            missing[name] or "yes",
        )
    out.print(table)
    say("\nexport --target takes a chip or wasm32, verify --target any of these, or all")


def _bytes(count: int) -> str:
    if not count:
        return ""
    return f"{count // 1024} KB"
