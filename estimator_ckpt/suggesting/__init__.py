"""Proposes rules between two checkpoints."""
