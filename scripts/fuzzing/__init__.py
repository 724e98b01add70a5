"""Fuzzes the readers of foreign files in memory: seeds, mutators that know a format, a harness."""
