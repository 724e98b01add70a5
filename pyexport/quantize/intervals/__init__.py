"""Bounds of every tensor for all legal inputs, by interval arithmetic in float64."""
