"""The error for bad input: a wrong file, key or value."""


class BitmarError(Exception):
    """Names what is wrong, where it stands and what was expected, in one line; the command line exits with 2."""
