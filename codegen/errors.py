"""Errors a user can mend: each says what is wrong, where, and what to do."""


class PunchcardError(Exception):
    """A user's error, told in one clear sentence; the command line prints it and exits 1."""


class GraphError(PunchcardError):
    """A graph breaks a rule of the IR; the message names the node."""


class ImportRefusedError(PunchcardError):
    """A model file cannot be taken; the message lists every reason."""


class PlanError(PunchcardError):
    """A pruning plan names an absent layer or asks for an impossible rate."""


class ToolchainError(PunchcardError):
    """The C compiler is missing or failed; the message holds the log's first error."""


class ScheduleError(PunchcardError):
    """A schedule asks for a tile or an order that the target does not have."""
