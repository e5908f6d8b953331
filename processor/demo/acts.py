"""The three acts: a first version, a better one, one the gates refuse.

Place in the flow: `demo/story` plays them in order; what each waits for is read from Sluice's API
and from the cluster, never assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from processor.demo.client import Client
from processor.demo.http import NoAnswer, call
from processor.demo.parts import Parts
from processor.demo.scene import APPROVER
from processor.demo.telling import StoryBroke, Teller

_SOON = 60.0  # seconds a step of Sluice's own may take on a busy machine
_ROLLOUT = 180.0  # seconds, the policy's deadline
_OVER = {"rejected", "withdrawn", "superseded", "expired", "failed"}


@dataclass(kw_only=True)
class Acts:
    """The acts, and what happened in them; `trained` and `pids` are by version number."""

    parts: Parts
    client: Client
    teller: Teller
    yes: bool
    trained: dict[str, Any] = field(default_factory=dict)
    promoted: dict[str, str] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)

    def first_version(self) -> None:
        """Version 1: registered, gated, proposed, approved, merged, served."""
        self.parts.ask_for(1)
        self._train("1")
        self._promote("1")
        self.parts.ask_for(2)  # trained while version 1 comes up
        self._serves("1")

    def better_version(self) -> None:
        """Version 2: compared with the one that serves, and takes its place."""
        self._train("2")
        self._promote("2")
        self.parts.ask_for(3)
        self._serves("2")

    def worse_version(self) -> None:
        """Version 3: refused, with reasons."""
        self._train("3")
        row = self._judged("3")
        if row["verdict"] != "failed" or not row["shortfalls"]:
            raise StoryBroke(f"version 3 should have been refused, but: {row['verdict']}")
        self.teller.say("the gates refuse version 3:")
        for reason in row["shortfalls"]:
            self.teller.say(f"    {reason}")

    def workload(self) -> Any:  # noqa: ANN401 - JSON
        """Return what the cluster itself says of the model."""
        status = call(f"{self.parts.scene.url('cluster')}/status")
        return status["workloads"].get(self.parts.scene.workload, {})

    def _train(self, number: str) -> None:
        """Take the trainer's run and let the pipeline say that it ended."""
        self.teller.phase(f"train {number}")
        told = self.parts.answer(self.teller)
        self.trained[number] = told
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in told["metrics"].items())
        self.teller.say(f"tara trained version {number} ({told['parameters']['note']}): {metrics}")
        self.client.training_completed(told["run_id"])
        self.teller.say("her pipeline said so: POST /events sluice.training.completed.v1")

    def _judged(self, number: str) -> Mapping[str, Any]:
        """Return a version's row once the gates have spoken."""
        self.teller.phase(f"judge {number}")

        def look() -> Mapping[str, Any] | None:
            try:
                row: Mapping[str, Any] | None = self.client.versions().get(number)
            except NoAnswer:
                return None  # the model is not known yet
            return row if row and row["verdict"] in {"passed", "failed", "inconclusive"} else None

        return self.teller.wait(f"the gates judge version {number}", look, timeout=_SOON)

    def _promote(self, number: str) -> None:
        """See a version proposed, approved and merged."""
        row = self._judged(number)
        if row["verdict"] != "passed":
            raise StoryBroke(f"version {number} was refused: {'; '.join(row['shortfalls'])}")
        proposed = self.teller.wait(
            f"version {number} is proposed",
            lambda: self._promotion(number, {"proposed"}),
            timeout=_SOON,
        )
        self.promoted[number] = proposed["id"]
        where = proposed["proposal"]["url"]
        self.teller.say(f"version {number} passed; pull request {where} asks for production")
        self.teller.phase(f"approve {number}")
        if self.yes:
            self.client.approve(APPROVER, proposed)
            self.teller.say(f"{APPROVER} approved it")
        else:
            self._ask_a_person(number, proposed)
        self.teller.wait(
            f"version {number} is merged",
            lambda: self._promotion(number, {"approved", "rolling_out", "serving"}),
            timeout=_SOON if self.yes else None,
        )
        self.teller.say("Sluice merged it: the rule holds")

    def _ask_a_person(self, number: str, promotion: Mapping[str, Any]) -> None:
        """Show how to approve; the story waits."""
        scene, say = self.parts.scene, self.teller.say
        token = scene.folder / f"{APPROVER}.token"
        say(f"version {number} waits for you. Look at it, signed in as {APPROVER}:")
        say(f"    {self.client.sign_in_link(APPROVER)}")
        say(f"    {self.client.page(promotion['id'])}")
        say("or instead (a link works once), in another terminal:")
        if not token.exists():
            link = self.client.sign_in_link(APPROVER)
            say(f"    sluice sign-in '{link}' --token-file {token}")
        say(
            f"    sluice approve {scene.model}@{number} --config {scene.config} "
            f"--token-file {token}"
        )

    def _promotion(self, number: str, states: set[str]) -> Mapping[str, Any] | None:
        """Return a version's promotion once it is in one of these states."""
        for row in self.client.promotions():
            if row["version"] == number:
                found: Mapping[str, Any] = row
                if found["state"] in states:
                    return found
                if found["state"] in _OVER:
                    raise StoryBroke(
                        f"version {number} was {found['state']}: {found['reason'] or 'no reason'}"
                    )
        return None

    def _serves(self, number: str) -> None:
        """See a version come up and answer predictions."""
        self.teller.phase(f"roll out {number}")
        beside = " beside the one that serves" if self.pids else ""
        self.teller.say(f"a model server for version {number} starts{beside}")
        self.teller.wait(
            f"version {number} serves",
            lambda: self._promotion(number, {"serving"}),
            timeout=_ROLLOUT,
        )
        workload = self.workload()
        self.pids[number] = workload["pid"]
        self.teller.say(f"version {number} answers predictions at {workload['endpoint']}")
