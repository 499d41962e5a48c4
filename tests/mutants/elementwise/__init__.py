"""Elementwise layers that are wrong: a function of each number, and its derivative."""
