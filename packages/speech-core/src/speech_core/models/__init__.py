"""Weights: which files a name stands for, where they come from, and the folder they are kept in."""


class ModelError(Exception):
    """A model cannot be had; the message is one line that says why."""


class ArchiveError(ModelError):
    """A file that was given is no archive of models."""
