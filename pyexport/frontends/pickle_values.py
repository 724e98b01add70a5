"""What a pickle holds once read: plain containers, names that are never looked up, records."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Global:
    """A name that the pickle would import; it is never looked up."""

    name: str  # "torch.nn.modules.linear.Linear"


@dataclass(eq=False)
class Inert:
    """What would have been an object: its class, and the state that it was given."""

    name: str
    state: dict[str, object] = field(default_factory=dict)


class DamagedError(Exception):
    """The pickle does what no torch.save file does."""


def new_object(target: object) -> object:
    """Return what making an object of a class gives."""
    if not isinstance(target, Global):
        raise DamagedError("an object of no class")
    return {} if target.name == "collections.OrderedDict" else Inert(target.name)


def ordered_dict(arguments: tuple[object, ...]) -> dict[object, object]:
    """Return the dict of a list of pairs, the argument of OrderedDict."""
    result: dict[object, object] = {}
    for pair in arguments[0] if arguments and isinstance(arguments[0], list) else ():
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise DamagedError("an OrderedDict of no pairs")
        set_items(result, list(pair))
    return result


def extend_list(target: object, items: list[object]) -> None:
    """Append items to a list of the pickle."""
    if not isinstance(target, list):
        raise DamagedError("items for what is no list")
    target.extend(items)


def set_items(target: object, items: list[object]) -> None:
    """Set keys and values, in turn, in a dict of the pickle."""
    if not isinstance(target, dict) or len(items) % 2:
        raise DamagedError("items for what is no dict")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str | int | float | None):
            raise DamagedError("a key that is neither text nor number")
        target[key] = value


def set_state(target: object, state: object) -> None:
    """Give a record its state; nothing is called."""
    if isinstance(target, dict):  # attributes of an OrderedDict: versions of the modules
        return
    if not isinstance(target, Inert) or not isinstance(state, dict):
        raise DamagedError("state for what is no object")
    target.state.update({str(key): value for key, value in state.items()})
