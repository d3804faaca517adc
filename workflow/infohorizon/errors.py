"""The one exception that means "the user can mend this": its text is a single clear sentence."""


class UserError(Exception):
    """Bad configuration, file or data; the message names the key, file or column and what to do."""
