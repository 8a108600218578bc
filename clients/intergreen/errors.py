"""What can go wrong, each with the peer that is meant and what to do."""
import sys


class Error(Exception):
    """Anything that this package cannot do. The text names the file or the peer, what is wrong, and a remedy."""


class NotReachable(Error):
    """Nobody answers at the address."""


class Closed(Error):
    """The peer ended the session."""


class Refused(Error):
    """The daemon refused a message or the session. `code` is its ErrorCode (docs/protocol.md, Errors)."""

    def __init__(self, text, code=0):
        super().__init__(text)
        self.code = code


def exit_code(program, work):
    """Does work() and gives the exit code of `program`: 0 done, 1 failed, 4 not reachable, with why on standard error."""
    try:
        work()
    except Error as why:
        print(f"{program}: {why}", file=sys.stderr)
        return 4 if isinstance(why, NotReachable) else 1
    return 0
