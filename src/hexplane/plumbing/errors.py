"""The one exception that stands for a mistake in what the user handed in."""


class UserError(Exception):
    """Bad input: the message is one clear line per mistake and is shown without a traceback."""
