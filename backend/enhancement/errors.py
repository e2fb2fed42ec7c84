"""Errors of the enhancement study that a user can mend."""

from codegen.errors import PunchcardError


class EnhancementError(PunchcardError):
    """Nets, images or settings of a study do not fit together; the message says which."""
