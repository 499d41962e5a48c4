"""Losses that are wrong, and losses that are right and unusual."""
