"""The one error type that a page may tell apart: a user's error, in one clear sentence."""

from codegen.errors import PunchcardError

__all__ = ["PunchcardError"]
