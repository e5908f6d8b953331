"""What the outside finds after the last death: lost, doubled, out of order.

Asked are the registry, git and the channel; the ledger is asked for one thing only, the public
order of its events, which the channel's order must follow.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from tests.drills.fleet import Fleet, Model
from tests.drills.ledger_file import LedgerFile
from tests.drills.load import Load
from tests.drills.world import fact_in, git

_STORY = (
    "evaluation passed",
    "promotion requested",
    "promotion proposed",
    "promotion approved",
    "rollout succeeded",
)
"""What is told of a version that serves, in this order; of one that is refused, that it failed."""
_FACT = re.compile(r"(?P<version>\S+ v\d+) (?P<kind>[a-z ]+?)(?: \(production\))?")


@dataclass
class Findings:
    """What was done, and every fault by its kind, in the outside's words."""

    versions: int = 0
    proposals: int = 0
    merges: int = 0
    posts: int = 0
    repeats: int = 0
    faults: dict[str, list[str]] = field(default_factory=dict)

    def fault(self, kind: str, what: str) -> None:
        self.faults.setdefault(kind, []).append(what)

    def counts(self) -> Counter[str]:
        """Count the faults by kind; kinds without any are zero."""
        return Counter({kind: len(found) for kind, found in self.faults.items()})


async def judged(fleet: Fleet, load: Load, ledger: LedgerFile) -> Findings:
    """Ask everybody."""
    found = Findings()
    runs: dict[str, str] = {}
    for model in fleet.models:
        _registry(fleet, load, model, runs, found)
    for model in fleet.models:
        await _git(fleet, load, model, runs, found)
    _channel(fleet, load, runs, found)
    _lanes(fleet, ledger, found)
    return found


def _registry(
    fleet: Fleet, load: Load, model: Model, runs: dict[str, str], found: Findings
) -> None:
    """One version per run that was said, in the order in which the runs were said."""
    made = fleet.versions(model)
    found.versions += len(made)
    runs |= {str(row.version): row.run_id for row in made}
    _once("version", load.said[model.name], [row.run_id for row in made], found)
    good = [str(row.version.number) for row in made if row.run_id in load.good]
    champion = fleet.registry._models["default", model.name].aliases.get("champion") if made else ""
    if good and champion != good[-1]:
        found.fault("lost mark", f"{model.name}'s champion is {champion!r}, not {good[-1]!r}")


async def _git(
    fleet: Fleet, load: Load, model: Model, runs: dict[str, str], found: Findings
) -> None:
    """One pull request and one merge per good run, merged in the order of the runs."""
    repository = fleet.repository(model)
    wanted = [run for run in load.said[model.name] if run in load.good]
    refs = await git(
        repository, "for-each-ref", "--format=%(refname)", "refs/sluice/proposals/*/meta"
    )
    asked = "".join(f"{ref}:proposal.json " for ref in refs.split()).split()
    opened = [json.loads(await git(repository, "show", one)) for one in asked]
    of_model = [
        runs.get(title[1], title[1])
        for one in opened
        if not one["void"]
        and (title := re.match(r"Promote (\S+ v\d+)", one["title"]))
        and title[1].startswith(f"{model.name} ")
    ]
    found.proposals += len(of_model)
    _once("pull request", sorted(wanted), sorted(of_model), found)
    log = await git(
        repository,
        "log",
        "--first-parent",
        "--reverse",
        "--format=",
        "-p",
        "main",
        "--",
        model.file,
    )
    uris = re.findall(r'^\+ *storageUri: "?s3://models/([^/"]+)/', log, re.MULTILINE)
    found.merges += len(uris)
    _once("merge", wanted, uris, found)


def _channel(fleet: Fleet, load: Load, runs: dict[str, str], found: Findings) -> None:
    """Each fact of each version told once, in the story's order."""
    found.posts = len(fleet.channel.shown)
    found.repeats = len(fleet.channel.told) - found.posts
    told: dict[str, list[str]] = {version: [] for version in runs}
    for text in fleet.channel.shown.values():
        fact = _FACT.fullmatch(fact_in(text))
        if fact is None:
            found.fault("unexpected post", text)
        else:
            told.setdefault(fact["version"], []).append(fact["kind"])
    for version, kinds in told.items():
        story = list(_STORY) if runs.get(version) in load.good else ["evaluation failed"]
        _once(
            "post", [f"{version} {one}" for one in story], [f"{version} {k}" for k in kinds], found
        )


def _lanes(fleet: Fleet, ledger: LedgerFile, found: Findings) -> None:
    """What the channel heard of one model came in the public order of the events."""
    places = {f"tell:log:{key}": pos for key, pos in ledger.ask("SELECT id, pos FROM event")}
    heard: dict[str, list[int]] = {}
    for key, text in fleet.channel.shown.items():
        heard.setdefault(text.partition(" ")[0], []).append(places[key])
    for model, told in heard.items():
        for before, after in pairwise(told):
            if after < before:
                found.fault("order", f"the channel heard event {after} of {model} behind {before}")


def _once(noun: str, wanted: list[str], seen: list[str], found: Findings) -> None:
    """Compare what there should be once, in order, with what there is."""
    counted = Counter(seen)
    for one in wanted:
        if not counted[one]:
            found.fault(f"lost {noun}", one)
    for one, times in counted.items():
        if times > 1 or one not in wanted:
            found.fault(f"duplicate {noun}", f"{one} x{times}")
    firsts = [one for one in dict.fromkeys(seen) if one in wanted]
    if firsts != [one for one in wanted if one in counted]:
        found.fault("order", f"{noun}s came as {firsts}")
