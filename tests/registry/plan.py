"""What is changed when: fields drawn at random, each left alone for two ticks of the look that
carries it, since what is overwritten sooner nobody can see (docs/registry.md).

Place in the flow: the R6 drill in virtual time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from processor.testing.registry import MemoryRegistry
from processor.values.wakeup import Hinted
from tests.registry.changing import CARRIED_BY, HOOKED, STAGES, TAG, Change, Field
from tests.registry.lives import EVERY
from tests.registry.watching import WORKSPACE

_VERSIONS = ("1", "2", "3")
_SHARES: Mapping[str, float] = {"changes": 0.7, "models": 0.25, "reconcile": 0.05}
_MARGIN = 1.0  # seconds beyond two ticks


def fields(models: int) -> Sequence[Field]:
    """Return every field of so many models."""
    found: list[Field] = []
    for model in (f"m{number}" for number in range(models)):
        for kind in ("stage", "description", "tag"):
            found += [(kind, model, number) for number in _VERSIONS]
        found += [("alias", model, name) for name in ("champion", "challenger")]
        found += [(kind, model, "") for kind in ("version", "model description", "model tag")]
    return found


def drawn(dice: Random, models: int, changes: int, seconds: float) -> Sequence[tuple[float, Field]]:
    """Return when which field is changed."""
    plan: list[tuple[float, Field]] = []
    for look, share in _SHARES.items():
        carried = [one for one in fields(models) if CARRIED_BY[one[0]] == look]
        apart, taken = 2 * EVERY[look] + _MARGIN, dict[Field, list[float]]()
        for _ in range(round(changes * share)):
            while True:
                about, at = dice.choice(carried), dice.uniform(1, seconds)
                if all(abs(at - other) >= apart for other in taken.get(about, ())):
                    break
            taken.setdefault(about, []).append(at)
            plan.append((at, about))
    return sorted(plan)


@dataclass
class Hand:
    """Whoever changes the registry; `made` says what they did when."""

    registry: MemoryRegistry
    now: Callable[[], float]
    made: list[Change] = field(default_factory=list)
    _values: dict[Field, str] = field(default_factory=dict)

    def prepare(self, models: int) -> None:
        """Make the models."""
        for model in (f"m{number}" for number in range(models)):
            for number in _VERSIONS:
                self.registry.register(WORKSPACE, model, f"run-{number}")

    def change(self, about: Field) -> Hinted | None:
        """Give a field another value; return what MLflow's hook would name, if it sends one."""
        kind, model, which = about
        value = self._another(about)
        self.made.append(Change(self.now(), about, value))
        registry = self.registry
        match kind:
            case "stage":
                registry.put_stage(WORKSPACE, model, which, value)
            case "description":
                registry.describe_version(WORKSPACE, model, which, value)
            case "tag":
                registry.put_tag(WORKSPACE, model, which, TAG, value)
            case "alias":
                registry.put_alias(WORKSPACE, model, which, value)
            case "version":
                registry.register(WORKSPACE, model, f"run-{value}")
            case "model description":
                registry.describe_model(WORKSPACE, model, value)
            case _:
                registry.put_model_tag(WORKSPACE, model, TAG, value)
        if kind not in HOOKED:
            return None
        number = {"alias": "", "version": value}.get(kind, which)
        return Hinted(model, number)

    def _another(self, about: Field) -> str:
        kind, before = about[0], self._values.get(about)
        match kind:
            case "stage":
                value = STAGES[0] if before is None else _next(STAGES, before)
            case "alias":
                value = _VERSIONS[0] if before is None else _next(_VERSIONS, before)
            case "version":
                value = str(int(before or len(_VERSIONS)) + 1)
            case _:
                value = f"value {len(self.made)}"
        self._values[about] = value
        return value


def _next(values: Sequence[str], before: str) -> str:
    return values[(values.index(before) + 1) % len(values)]
