"""`POST /hooks/mlflow`: what MLflow says may have changed.

Place in the flow: the signature over the raw body (`hook_secret`), then its form, then a wake-up
per subject in the ledger and 202; the registry source reads what it names. MLflow loses, repeats
and reorders its hooks, and mixes up workspaces: so none is ever an event, and of what it says only
the model and the version count, in whatever workspace we watch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from processor.errors import Refused
from processor.ports.clock import Clock
from processor.ports.wakeups import Wakeups
from processor.values.wakeup import REGISTRY, Hinted
from processor.web.answers import answer
from processor.web.bodies import parsed, raw
from processor.web.hook_secret import HookSecret

_LONGEST = 1000  # characters of a name; MLflow takes fewer
_OF_MODEL = frozenset(
    {
        ("registered_model", "created"),
        ("model_version_alias", "created"),
        ("model_version_alias", "deleted"),
    }
)
_OF_VERSION = frozenset(
    {
        ("model_version", "created"),
        ("model_version_tag", "set"),
        ("model_version_tag", "deleted"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Wakers:
    """What makes the registry be looked at: `named` what hooks named, `changes` what is new."""

    named: Callable[[], None]
    changes: Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """The door for MLflow's webhooks."""

    secret: HookSecret
    wakeups: Wakeups
    wakers: Wakers
    clock: Clock

    def routes(self) -> Sequence[web.RouteDef]:
        """Return where it listens."""
        return [web.post("/hooks/mlflow", self.receive)]

    async def receive(self, request: web.Request) -> web.Response:
        """Store what may have changed and wake the source.

        202 {wakeup: stored, known or none}. Refuses with 400, 401, 404, 408, 413, 415.
        """
        self.secret.insist()
        body = await raw(request)
        now = self.clock.now()
        delivery = self.secret.check(request, body, now)
        subject = _subject(parsed(body))
        if subject is None:
            self.wakers.changes()
            return answer({"wakeup": "none"}, HTTPStatus.ACCEPTED)
        stored = await self.wakeups.put(REGISTRY, subject, delivery, now)
        if stored:
            self.wakers.named()
        return answer({"wakeup": "stored" if stored else "known"}, HTTPStatus.ACCEPTED)


def _subject(document: object) -> Hinted | None:
    """Return what it is about, None for a kind of event that names nothing we know."""
    if not isinstance(document, Mapping):
        raise _malformed("the body should be an object")
    kind = (str(document.get("entity")), str(document.get("action")))
    if kind not in _OF_MODEL | _OF_VERSION:
        return None
    data = document.get("data")
    if not isinstance(data, Mapping):
        raise _malformed("the field data should be an object")
    model = _text(data, "name")
    return Hinted(model, _text(data, "version")) if kind in _OF_VERSION else Hinted(model)


def _text(data: Mapping[str, object], name: str) -> str:
    """Return a field; MLflow sends version numbers as text."""
    value = data.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise _malformed(f"the field data.{name} should be text of at most {_LONGEST} characters")
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise _malformed(f"the field data.{name} holds half a character") from exc
    return value


def _malformed(detail: str) -> Refused:
    return Refused("Malformed", detail, status=HTTPStatus.BAD_REQUEST)
