"""Hostile files and their harmless twins, each made of the smallest clean file of its kind."""
