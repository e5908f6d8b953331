"""Metrics, in one registry of our own.

Place in the flow: `web/health` sets how things stand when Prometheus asks, and prints them.
Model names are no labels, for their number is not ours to bound; except those of the models whose
writes a person paused, and of these fifty at most.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
EVERY_MODEL = "*"
"""The label of the pause that stops every write; no model's key looks like it."""
_MOST_PAUSED = 50


@dataclass(frozen=True, kw_only=True)
class Watching:
    """How one look of a source fares; `age` is that of the newest look that went well, in seconds.

    `requests` and `seconds` are of the newest look, `load` is the part of one core of the product
    it keeps busy at most; `whole` tells that it reads everything there is.
    """

    name: str
    age: float | None
    interval: float
    requests: int
    seconds: float
    load: float
    well: bool
    whole: bool = False


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How things stand: counts by state, whether each product answers, how the looks fare.

    `paused` names the models whose writes stand still, `EVERY_MODEL` among them for all.
    """

    events: int
    placed: int
    undispatched: int
    work: Mapping[str, int]
    effects: Mapping[str, int]
    products: Mapping[str, bool]
    paused: Collection[str]
    held: int
    oldest_ready_seconds: float
    looks: Sequence[Watching] = ()


class Metrics:
    """What Prometheus reads; make one per process."""

    def __init__(self) -> None:
        """Register every metric, once."""
        self._registry = CollectorRegistry()
        place = self._registry
        self._events = Gauge("sluice_events", "Events in the ledger.", registry=place)
        self._placed = Gauge("sluice_events_placed", "Place of the newest event.", registry=place)
        self._undispatched = Gauge(
            "sluice_events_undispatched", "Events without work rows yet.", registry=place
        )
        self._work = Gauge("sluice_work_rows", "Rows of work by state.", ["state"], registry=place)
        self._effects = Gauge(
            "sluice_effects", "Outside writes by state.", ["state"], registry=place
        )
        self._paused = Gauge(
            "sluice_writes_paused",
            'Writes that a person paused; model="*" stands for every model.',
            ["model"],
            registry=place,
        )
        self._held = Gauge("sluice_targets_held", "Targets that are held.", registry=place)
        self._dead = Gauge("sluice_work_dead", "Rows of work that were given up.", registry=place)
        self._products = Gauge(
            "sluice_product_up", "1 while a product we need answers.", ["product"], registry=place
        )
        self._oldest = Gauge(
            "sluice_oldest_ready_seconds", "Age of the oldest row not yet done.", registry=place
        )
        self._sources = _Sources(place)
        self._answers = Counter(
            "sluice_http_answers", "HTTP answers by status class.", ["status"], registry=place
        )

    def answered(self, status: int) -> None:
        """Count one HTTP answer."""
        self._answers.labels(f"{status // 100}xx").inc()

    def text(self, standing: Standing) -> bytes:
        """Return the exposition of how things stand now."""
        self._events.set(standing.events)
        self._placed.set(standing.placed)
        self._undispatched.set(standing.undispatched)
        self._oldest.set(standing.oldest_ready_seconds)
        for gauge, counts in ((self._work, standing.work), (self._effects, standing.effects)):
            gauge.clear()  # a state without rows is no longer in the counts
            for state, count in counts.items():
                gauge.labels(state).set(count)
        self._held.set(standing.held)
        self._dead.set(standing.work.get("dead", 0))
        self._paused.clear()
        self._paused.labels(EVERY_MODEL).set(EVERY_MODEL in standing.paused)
        for model in sorted(set(standing.paused) - {EVERY_MODEL})[:_MOST_PAUSED]:
            self._paused.labels(model).set(1)
        for product, answers in standing.products.items():
            self._products.labels(product).set(answers)
        self._sources.set(standing.looks)
        return generate_latest(self._registry)


class _Sources:
    """`sluice_source_*`: how every look fares, labelled with its name."""

    def __init__(self, place: CollectorRegistry) -> None:
        """Register the gauges."""

        def gauge(name: str, says: str) -> Gauge:
            return Gauge(f"sluice_source_{name}", says, ["look"], registry=place)

        self._lag = gauge("lag_seconds", "Age of the newest look that went well.")
        self._truth = gauge("truth_age_seconds", "Age of the newest reading of everything.")
        self._interval = gauge("interval_seconds", "Seconds between two looks at its pace now.")
        self._requests = gauge("look_requests", "Requests of the newest look.")
        self._seconds = gauge("look_seconds", "Seconds the newest look waited for answers.")
        self._load = gauge("load_ratio", "Part of one core of the product it may keep busy.")
        self._up = gauge("up", "1 while the newest look went well; the reason is in the status.")

    def set(self, looks: Sequence[Watching]) -> None:
        """Take how they fare; one that has not gone well yet has no age."""
        for look in looks:
            self._interval.labels(look.name).set(look.interval)
            self._requests.labels(look.name).set(look.requests)
            self._seconds.labels(look.name).set(look.seconds)
            self._load.labels(look.name).set(look.load)
            self._up.labels(look.name).set(look.well)
            if look.age is not None:
                self._lag.labels(look.name).set(look.age)
                if look.whole:
                    self._truth.labels(look.name).set(look.age)
