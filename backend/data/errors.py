"""Errors about data sets that a user can mend."""

from codegen.errors import PunchcardError


class DataError(PunchcardError):
    """A data set is missing, empty, damaged or of an unknown form."""
