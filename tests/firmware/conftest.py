"""The saved model that these tests share with those of the commands."""

from tests.cli.conftest import model

__all__ = ["model"]
