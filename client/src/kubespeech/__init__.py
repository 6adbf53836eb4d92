"""The kubespeech command."""


class StartFault(Exception):
    """The services cannot be started, or cannot go on; the message is one line."""
