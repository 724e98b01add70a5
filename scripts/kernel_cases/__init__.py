"""Integer and float graphs that exercise kernels at their edges: shared by tests and evidence."""
