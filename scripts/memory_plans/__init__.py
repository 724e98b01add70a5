"""Random memory problems, and a machine that runs plans of them: shared by tests and evidence."""
