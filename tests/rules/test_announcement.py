"""What people are told about what an operator did: who, about what, and why."""

from processor.events import TargetHeld, WorkDropped, WritesPaused, WritesResumed
from processor.rules.announcement import text_of, wanted
from processor.settings.tree import NotifySettings
from processor.values.about import About
from processor.values.principal import Principal, claimed

ANA = Principal("ana", "authenticated")
FRAUD = About("main", "default", "fraud/eu\n")


def test_a_pause_names_who_why_and_whose_writes() -> None:
    head = WritesPaused.heading(About("main"), "k", actor=claimed("root"))
    event = WritesPaused(head=head, model_key="", reason="disk is failing")
    assert text_of(event) == "writes paused: by root (claimed): disk is failing"
    head = WritesPaused.heading(FRAUD, "k", actor=ANA)
    event = WritesPaused(head=head, model_key=FRAUD.key, reason="bad data")
    assert text_of(event) == "writes paused: fraud/eu  by ana: bad data"
    resumed = WritesResumed(head=WritesResumed.heading(About("main"), "k", actor=ANA), model_key="")
    assert text_of(resumed) == "writes resumed: by ana"


def test_a_hold_and_a_dropped_row_name_theirs() -> None:
    head = TargetHeld.heading(About("main", "default", "fraud"), "k", actor=ANA)
    event = TargetHeld(head=head, target="production", reason="audit")
    assert text_of(event) == "target held (production): fraud by ana: audit"
    head = WorkDropped.heading(About("main"), "k", actor=ANA)
    fields = {"work_id": 9, "handler": "propose", "part": "", "event_id": "e", "reason": "old"}
    dropped = WorkDropped.model_validate({"head": head, **fields})
    assert text_of(dropped) == "work dropped: propose by ana: old"


def test_they_are_told_by_default() -> None:
    for kind in (WritesPaused, WritesResumed, TargetHeld, WorkDropped):
        assert wanted(NotifySettings().log, kind)
