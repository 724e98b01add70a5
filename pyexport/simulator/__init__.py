"""Two simulators of the exported integers: `definition` says what they mean, `fast` is quick."""
