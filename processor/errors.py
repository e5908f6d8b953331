"""What a failure asks for: try again, look again, wait for an outage to end, or stop.

Place in the flow: adapters translate what a product says into these; `engine/worker` alone
decides what becomes of the row; handlers do not catch them.

    SluiceError
    |-- Retryable      the world was in the way: the row keeps its lane's head and is tried again
    |   `-- Unavailable    a product is down (5xx, 429, credentials ...): never the row's fault
    |       |-- Forbidden      it answers, but not us about this: a right is missing
    |       |-- NotSent        it did not answer lately, so nothing was asked of it this time
    |       `-- Paused         an operator stopped our writes: the row waits until they resume
    |-- NotYet         nothing is wrong, it is only too early: the row re-enters at its lane's tail
    |-- Terminal       trying again is useless: the row is dead and told once
    |-- Suppressed     the mode forbids the write: recorded, the row is done
    `-- Refused        a person's wish or an outside message cannot be granted; says why and the fix
"""


class SluiceError(Exception):
    """Anything the program raises on purpose; its words can be stored and sent, whoever's they are.

    JSON from outside may hold half a character, which no file takes.
    """

    def __init__(self, reason: str = "") -> None:
        """Keep the reason, with a question mark for what is no character."""
        super().__init__(reason.encode("utf-8", "replace").decode())


class Retryable(SluiceError):
    """The world was in the way; the row keeps its lane's head."""

    def __init__(self, reason: str, *, after: float = 1.0, blames: bool = True) -> None:
        """Try again `after` seconds from now; `blames` False spends none of the row's budget."""
        super().__init__(reason)
        self.after = after
        self.blames = blames


class Unavailable(Retryable):
    """A product does not answer as it should; its rows wait, none of them dies of it."""

    def __init__(self, product: str, reason: str, *, after: float = 1.0) -> None:
        """Name the product as an operator knows it (`registry`, `forge acme`)."""
        super().__init__(f"{product}: {reason}", after=after, blames=False)
        self.product = product


class Forbidden(Unavailable):
    """The product answers, but refuses us this one thing: our user lacks a right (403)."""


class NotSent(Unavailable):
    """Its breaker is open: the request never left, so nothing is in doubt."""


class Paused(Unavailable):
    """An operator stopped our writes (about one model, or all); rows wait until they resume."""


class NotYet(SluiceError):
    """Too early; look again in `after` seconds, give up `until` seconds after the event."""

    def __init__(self, reason: str, *, after: float, until: float, product: str = "") -> None:
        """Both times are in seconds; `until` counts from when the event was recorded.

        `product` is who has to see what the row waits for, where the handler did not ask it
        itself: while that is down nobody looks, and no row is given up.
        """
        super().__init__(reason)
        self.after = after
        self.until = until
        self.product = product


class Terminal(SluiceError):
    """Trying again is useless; the message names what, where and the fix."""


class Suppressed(SluiceError):
    """The present mode forbids this write; it is recorded and the row is done."""


class Refused(SluiceError):
    """A wish or a message that cannot be granted; becomes an RFC 9457 problem at the edge."""

    def __init__(self, title: str, detail: str, *, status: int = 409) -> None:
        """`status` is the HTTP status this refusal maps to."""
        super().__init__(f"{title}: {detail}")
        self.title = title
        self.detail = detail
        self.status = status
