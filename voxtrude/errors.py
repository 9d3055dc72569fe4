"""Every error this code base raises on purpose.

* VoxtrudeError
  + PayloadError      a message arrived that we cannot read: quarantine it, count it, go on
  + LinkError         a peer (broker, database) is away: back off, try again
  + SetupError        the operator must change something: one clear line, exit 78
"""


class VoxtrudeError(Exception):
    """Base class of all errors raised by this code base."""


class PayloadError(VoxtrudeError):
    """A message arrived that does not say what its topic promises.

    ``reason`` is a constant phrase or a field's name: it never holds the payload.
    """

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"{topic}: {reason}")
        self.topic = topic
        self.reason = reason


class LinkError(VoxtrudeError):
    """A peer that we depend on is not there."""


class SetupError(VoxtrudeError):
    """The configuration cannot work; no retry will help.

    The message names the setting and the fix, in one line.
    """
