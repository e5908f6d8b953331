"""Sluice's HTTP interface, as the demo's pipeline and person use it.

Place in the flow: `demo/story` speaks to the running Sluice through this and nothing else.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from processor.demo.http import call
from processor.demo.scene import TARGET, Scene


@dataclass(kw_only=True)
class Client:
    """One running Sluice; every call raises NoAnswer when it is refused or not answered."""

    scene: Scene
    _tokens: dict[str, str] = field(default_factory=dict)

    def training_completed(self, run_id: str) -> None:
        """Say what a pipeline says at its end: a CloudEvent with the events token."""
        event = {
            "specversion": "1.0",
            "id": f"training-{run_id}",
            "source": "/pipelines/demo",
            "type": "sluice.training.completed.v1",
            "datacontenttype": "application/json",
            "data": {"run_id": run_id, "model": self.scene.model, "registration": "please"},
        }
        headers = {
            "Content-Type": "application/cloudevents+json",
            "Authorization": f"Bearer {self.scene.events_token}",
        }
        call(f"{self.scene.url('sluice')}/events", body=event, headers=headers)

    def versions(self) -> Mapping[str, Any]:
        """Return the model's versions by number; none while the model is unknown."""
        found = self._get("/v1/models", self.scene.model, "versions")
        return {row["number"]: row for row in found["versions"]}

    def promotions(self) -> Sequence[Any]:
        """Return the model's promotions, the newest first."""
        found = call(f"{self.scene.url('sluice')}/v1/promotions?model={self._model}")
        rows: Sequence[Any] = found["promotions"]
        return rows

    def promotion(self, promotion_id: str) -> Any:  # noqa: ANN401 - JSON
        """Return one promotion with gates and comparison."""
        return self._get("/v1/promotions", promotion_id)

    def approve(self, person: str, promotion: Mapping[str, Any]) -> None:
        """Say yes to a promotion's present head, signed in as that person."""
        url = f"{self.scene.url('sluice')}/v1/promotions/{promotion['id']}/approve"
        headers = {
            "Authorization": f"Bearer {self._token(person)}",
            "Idempotency-Key": secrets.token_urlsafe(16),
        }
        call(url, body={"head_sha": promotion["proposal"]["head_sha"]}, headers=headers)

    def why(self) -> Any:  # noqa: ANN401 - JSON
        """Return the six answers and the facts they are made of."""
        return self._get("/v1/models", self.scene.model, f"why?target={TARGET}")

    def active(self) -> Any:  # noqa: ANN401 - JSON
        """Return what serves."""
        return self._get("/v1/models", self.scene.model, f"active?target={TARGET}")

    def sign_in_link(self, person: str) -> str:
        """Return a person's link; it works once."""
        links = json.loads((self.scene.folder / "sign-in.json").read_text())
        return str(links[person])

    def page(self, promotion_id: str) -> str:
        """Return where a person looks at a promotion."""
        return f"{self.scene.url('sluice')}/promotions/{promotion_id}"

    @property
    def _model(self) -> str:
        return quote(self.scene.model, safe="")

    def _get(self, base: str, name: str, rest: str = "") -> Any:  # noqa: ANN401 - JSON
        path = f"{base}/{quote(name, safe='')}" + (f"/{rest}" if rest else "")
        return call(self.scene.url("sluice") + path)

    def _token(self, person: str) -> str:
        """Return the person's API token, signing in with their link once."""
        if person not in self._tokens:
            token = parse_qs(urlsplit(self.sign_in_link(person)).query)["token"][0]
            signed = call(f"{self.scene.url('sluice')}/sign-in", body={"token": token})
            self._tokens[person] = signed["token"]
        return self._tokens[person]
