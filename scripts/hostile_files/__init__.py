"""Hostile model files and their harmless twins, made with the standard library alone."""
