"""The files that take longest are known by their right names."""

from tests.conftest import LONG_FILES, ROOT


def test_every_long_file_is_there() -> None:
    assert [name for name in LONG_FILES if not (ROOT / name).is_file()] == []
