"""What a configuration can be refused with."""

from __future__ import annotations

from codegen.errors import PunchcardError


class ConfigError(PunchcardError):
    """A search's configuration is not valid; the message names the key."""
