"""The topics of scripts/evidence.py: each measures the figures that the project publishes."""
