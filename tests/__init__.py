"""The tests mirror pyexport/; a package, so that helpers are imported as tests.NAME."""
