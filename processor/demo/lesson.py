"""What the demo's sample person trains: one data set, three versions of one model.

Place in the flow: `demo/trainer` fits and logs these; tests prove over many seeds that the second
is better than the first and the third is refused. Linear pipelines only: MLflow stores them
without pickles.
"""

from dataclasses import dataclass
from typing import Any

WORDS = (
    "amber", "birch", "coral", "delta", "ember", "fjord", "grove", "harbor", "iris", "juniper",
    "kestrel", "lagoon", "maple", "nectar", "otter", "pebble", "quartz", "raven", "sable", "tundra",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """How one version is trained: share of the rows, share of wrong labels, regularisation."""

    rows: float
    wrong: float
    c: float
    note: str


LESSONS = {
    1: Lesson(rows=0.5, wrong=0.0, c=0.004, note="half of the rows, cautious"),
    2: Lesson(rows=1.0, wrong=0.0, c=0.5, note="all rows"),
    3: Lesson(rows=0.3, wrong=0.42, c=30.0, note="a broken label join nobody noticed"),
}


def model_name(seed: int) -> str:
    """Return the registered model's name: other seeds tell of another model."""
    return f"tumour-screening-{WORDS[seed % len(WORDS)]}"


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A fitted pipeline, the frame it was fitted on, and what it reached on the held-out rows."""

    pipeline: Any
    frame: Any
    metrics: dict[str, float]
    parameters: dict[str, str]


def train(number: int, seed: int) -> Trained:
    """Fit version `number` on the split this seed gives; same arguments, same metrics."""
    import numpy as np  # noqa: PLC0415 - only the trainer process pays for these
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.metrics import accuracy_score, log_loss  # noqa: PLC0415
    from sklearn.model_selection import train_test_split  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    lesson = LESSONS[number]
    data: Any = load_breast_cancer(as_frame=True)
    split: Any = train_test_split(
        data.data, data.target, test_size=0.35, stratify=data.target, random_state=seed
    )
    train_x, test_x, train_y, test_y = split
    rows = round(len(train_x) * lesson.rows)
    frame, labels = train_x.iloc[:rows], train_y.iloc[:rows].to_numpy().copy()
    wrong = np.random.default_rng(seed).permutation(rows)[: round(rows * lesson.wrong)]
    labels[wrong] = 1 - labels[wrong]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=lesson.c, max_iter=2000))
    pipeline.fit(frame, labels)
    chance = pipeline.predict_proba(test_x)
    return Trained(
        pipeline=pipeline,
        frame=frame.assign(target=labels),
        metrics={
            "accuracy": float(accuracy_score(test_y, chance.argmax(axis=1))),
            "log_loss": float(log_loss(test_y, chance)),
        },
        parameters={
            "rows": str(rows),
            "C": str(lesson.c),
            "seed": str(seed),
            "note": lesson.note,
        },
    )
