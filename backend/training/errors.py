"""Errors of training that a user can mend."""

from codegen.errors import PunchcardError


class TrainingError(PunchcardError):
    """Training broke down; the message names the layer and what to change."""


class StoppedError(PunchcardError):
    """Training was asked to stop and left nothing behind."""
