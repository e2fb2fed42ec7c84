"""What tuning refuses."""

from __future__ import annotations

from codegen.errors import PunchcardError


class TuningError(PunchcardError):
    """A model cannot be tuned here, or a tuning file cannot be used; the message says why."""
