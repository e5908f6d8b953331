"""Does MLflow tell us of changes, and what keeps it from doing so?

Place in the flow: `registries/remarks` asks, for `sluice doctor`. A webhook only makes us look
sooner: without one every change is found all the same. Traps measured on MLflow 3.17 and 3.18.
"""

import ipaddress
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from processor.adapters.http import Answer
from processor.adapters.registries.rest import API, Rest
from processor.errors import Unavailable
from processor.values.registry import Remark

EVENTS = (
    ("REGISTERED_MODEL", "CREATED"),
    ("MODEL_VERSION", "CREATED"),
    ("MODEL_VERSION_TAG", "SET"),
    ("MODEL_VERSION_TAG", "DELETED"),
    ("MODEL_VERSION_ALIAS", "CREATED"),
    ("MODEL_VERSION_ALIAS", "DELETED"),
)
_PATH = f"{API}/webhooks"
_LOOKING = "changes are found by looking, poll.changes tells how often"


async def about_webhooks(rest: Rest, url: str) -> AsyncIterator[Remark]:
    """Yield whether a webhook comes to `url`; empty: none is wanted."""
    if not url:
        text = (
            f"{_LOOKING}; to hear of some sooner give it a webhook: set registry.hook_secret_file"
        )
        yield Remark(fine=True, text=text)
        return
    try:
        answer = await rest.http.get(_PATH)
    except Unavailable as problem:
        yield _unlisted(str(problem))
        return
    if answer.status != HTTPStatus.OK:
        yield _refused(answer)
        return
    ours = [one for one in _listed(answer) if one.get("url") == url]
    if not ours:
        yield Remark(fine=False, text=_create(rest.http.base_url, url))
    for one in ours:
        yield _judged(one, url)


def _listed(answer: Answer) -> Sequence[Mapping[str, Any]]:
    """Return the webhooks of an answer."""
    try:
        found = answer.json()
    except ValueError:
        return ()
    rows = found.get("webhooks", ()) if isinstance(found, dict) else ()
    return [row for row in rows if isinstance(row, dict)]


def _unlisted(problem: str) -> Remark:
    """Return why the list could not be read: a page of HTML is a server that has none."""
    if "HTML" in problem and "404" in problem:
        text = f"this MLflow has no webhooks (they came with 3.3, not for file stores); {_LOOKING}"
        return Remark(fine=True, text=text)
    text = (
        f"its webhooks cannot be listed ({problem}), and then it sends none: when the secret of "
        "one was encrypted with another key, give every server process the same "
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY and make the webhook anew"
    )
    return Remark(fine=False, text=text)


def _refused(answer: Answer) -> Remark:
    """Return what a refusal to list them means."""
    if answer.status == HTTPStatus.FORBIDDEN:
        text = (
            "its webhooks cannot be seen by our user, only by administrators: let one run "
            "`sluice doctor` with their credentials to check them"
        )
        return Remark(fine=True, text=text)
    return Remark(
        fine=True, text=f"its webhooks cannot be listed ({answer.status}: {answer.text()})"
    )


def _judged(webhook: Mapping[str, Any], url: str) -> Remark:
    """Return whether one of ours is as it should be."""
    name = webhook.get("name", "")
    if webhook.get("status", "ACTIVE") != "ACTIVE":
        return Remark(fine=False, text=f"its webhook {name!r} is {webhook['status']}: activate it")
    has = {(one.get("entity"), one.get("action")) for one in webhook.get("events", ())}
    missing = [".".join(event).lower() for event in EVENTS if event not in has]
    if missing:
        text = f"its webhook {name!r} does not tell {', '.join(missing)}: delete it, make it anew"
        return Remark(fine=False, text=text)
    text = (
        f"its webhook {name!r} comes to {url}; it tells of no stage, description, rename or "
        "deletion, and one just made may be silent for a minute: those are found by looking"
    )
    return Remark(fine=True, text=text)


def _create(base_url: str, url: str) -> str:
    """Return how to make the webhook, and what the server must be started with for it."""
    body = {
        "name": "sluice",
        "url": url,
        "events": [{"entity": entity, "action": action} for entity, action in EVENTS],
        "secret": "SECRET",
    }
    return (
        f"it has no webhook to {url}: {_LOOKING}. Make it, SECRET being what "
        "registry.hook_secret_file holds: "
        f"curl -X POST {base_url}/{_PATH} -H 'Content-Type: application/json' "
        f"-d '{json.dumps(body, separators=(',', ':'))}'. {_needs(url)}"
    )


def _needs(url: str) -> str:
    """Return what the server's environment needs so that it may be made and stays alive."""
    parts = urlsplit(url)
    needs = ["MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY=<one Fernet key, the same in every process>"]
    if parts.scheme != "https":
        needs.append("MLFLOW_WEBHOOK_ALLOWED_SCHEMES=http,https")
    if _inside(parts.hostname or ""):
        needs.append("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true")
    return f"The server needs in its environment: {', '.join(needs)}"


def _inside(host: str) -> bool:
    """Tell whether a host looks like one no public name service knows."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        inner = (".svc", ".local", ".internal", ".localhost", "localhost")
        return "." not in host or host.endswith(inner)
