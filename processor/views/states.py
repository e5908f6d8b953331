"""Every state something can be stuck in, and what each means.

Place in the flow: `why_not` and the files it asks answer with one of these words; docs/why-not.md
is made from this table, and a test produces each of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

WaitState = Literal[
    "unknown_model",
    "not_registered",
    "deleted",
    "no_policy",
    "policy_tie",
    "slot_taken",
    "not_judged",
    "being_judged",
    "gates_pending",
    "gates_running",
    "gates_failed",
    "gates_inconclusive",
    "waiver_ended",
    "not_requested",
    "comes_after",
    "soaking",
    "overtaken",
    "being_requested",
    "being_proposed",
    "held",
    "awaiting_approval",
    "nobody_may_approve",
    "foreign_commits",
    "awaiting_verdict",
    "awaiting_merge",
    "being_merged",
    "mode_observe",
    "mode_propose",
    "rolling_out",
    "rollout_overdue",
    "rollout_failed",
    "rejected",
    "withdrawn",
    "superseded",
    "expired",
    "bypassed",
    "replaced",
    "serving",
    "paused",
    "model_paused",
    "dead_work",
    "dropped_work",
    "retrying",
    "waiting",
    "registry_down",
    "forge_down",
    "cluster_down",
    "ledger_down",
]


@dataclass(frozen=True)
class Meaning:
    """What a state means, who can end it, and how."""

    means: str
    who: str
    how: str


_SELF = "goes on by itself"
_PEOPLE = "anybody under `people:`"
_WRITERS = "whoever writes the policies"
_RUNS = "whoever runs Sluice"

MEANINGS: Mapping[WaitState, Meaning] = {
    "unknown_model": Meaning(
        "the ledger has not heard of the model",
        "the pipeline",
        "`sluice emit training-completed`, or register a version",
    ),
    "not_registered": Meaning(
        "training is done, the registry shows no version yet",
        "Sluice, or the pipeline where it registers itself",
        _SELF,
    ),
    "deleted": Meaning("every version was deleted", "the pipeline", "register a new version"),
    "no_policy": Meaning(
        "no policy's `models:` matches the name", _WRITERS, "`sluice config explain`"
    ),
    "policy_tie": Meaning(
        "two policies match the name, and neither is the more specific",
        _WRITERS,
        "`sluice config explain`",
    ),
    "slot_taken": Meaning(
        "another model has the scalar in Git that this one would write",
        _WRITERS,
        "another slot, then `sluice evaluate`",
    ),
    "not_judged": Meaning(
        "it was there before Sluice first looked, so nobody asked for a verdict",
        _PEOPLE,
        "`sluice evaluate`",
    ),
    "being_judged": Meaning("its gates are looked at", "Sluice", _SELF),
    "gates_pending": Meaning(
        "other systems have to answer", "those systems", "their event; else the gate window ends"
    ),
    "gates_running": Meaning("gate programs run, or wait for their turn", "Sluice", _SELF),
    "gates_failed": Meaning(
        "a gate failed", "whoever trains the model", "a better version, or `sluice evaluate`"
    ),
    "gates_inconclusive": Meaning(
        "not every gate could say", _PEOPLE, "`sluice request`, or `sluice evaluate`"
    ),
    "waiver_ended": Meaning(
        "a gate that was waived for a while counts again and does not pass",
        "whoever trains the model, or may waive",
        "a better version, or another waiver",
    ),
    "not_requested": Meaning("nobody has asked for it at this target", _PEOPLE, "`sluice request`"),
    "comes_after": Meaning(
        "another target has to serve it first", "see that target", "`sluice why-not --target`"
    ),
    "soaking": Meaning("the target before has not served it for long enough", "Sluice", _SELF),
    "overtaken": Meaning("a newer version is there or on its way", _PEOPLE, "`sluice request`"),
    "being_requested": Meaning("Sluice is about to ask for it", "Sluice", _SELF),
    "being_proposed": Meaning("Sluice is about to open its proposal", "Sluice", _SELF),
    "held": Meaning("somebody holds the target", _PEOPLE, "`sluice release`"),
    "awaiting_approval": Meaning(
        "its proposal needs a yes", "the approvers who may", "`sluice approve`"
    ),
    "nobody_may_approve": Meaning(
        "its proposal needs a yes that nobody is left to give", _WRITERS, "`sluice config explain`"
    ),
    "foreign_commits": Meaning(
        "its branch holds commits of others, and the target asks nobody about them",
        "whoever may merge, or anybody who closes it",
        "`sluice reject`, then `sluice request`",
    ),
    "awaiting_verdict": Meaning(
        "it was proposed, and its gates owe an answer again", "Sluice, or other systems", _SELF
    ),
    "awaiting_merge": Meaning(
        "every condition holds and a person merges", "whoever may merge", "merge the proposal"
    ),
    "being_merged": Meaning("every condition holds and Sluice merges", "Sluice", _SELF),
    "mode_observe": Meaning(
        "the mode lets Sluice write nothing about the model", _RUNS, "set `mode:`"
    ),
    "mode_propose": Meaning(
        "the mode lets Sluice propose, and the next step needs `full`", _RUNS, "set `mode:`"
    ),
    "rolling_out": Meaning("merged; the cluster brings it up", "Sluice watches", _SELF),
    "rollout_overdue": Meaning(
        "merged, and its deadline is over", "whoever runs the cluster", "look there"
    ),
    "rollout_failed": Meaning("merged, and it does not serve", _PEOPLE, "`sluice request`"),
    "rejected": Meaning("a person said no", _PEOPLE, "`sluice request`"),
    "withdrawn": Meaning("it no longer held and was closed", _PEOPLE, "`sluice evaluate`"),
    "superseded": Meaning("a newer promotion took its place", _PEOPLE, "`sluice request`"),
    "expired": Meaning("nobody decided in time", _PEOPLE, "`sluice request`"),
    "bypassed": Meaning("it was merged against the rule", _PEOPLE, "`sluice request`"),
    "replaced": Meaning("it served, and does not any more", _PEOPLE, "`sluice request`"),
    "serving": Meaning("it serves", "nobody has to", "nothing"),
    "paused": Meaning("all writes are paused", _PEOPLE, "`sluice resume`"),
    "model_paused": Meaning(
        "the writes about the model are paused", _PEOPLE, "`sluice resume --model`"
    ),
    "dead_work": Meaning("a row of work was given up", _PEOPLE, "`sluice dead retry`"),
    "dropped_work": Meaning(
        "a row of work was given up and laid aside", _PEOPLE, "ask for what it should have done"
    ),
    "retrying": Meaning("a row failed and is tried again", "Sluice", _SELF),
    "waiting": Meaning("a row waits for something outside", "Sluice", _SELF),
    "registry_down": Meaning("the registry does not answer", _RUNS, "`sluice doctor`"),
    "forge_down": Meaning("the forge does not answer", _RUNS, "`sluice doctor`"),
    "cluster_down": Meaning("the cluster does not answer", _RUNS, "`sluice doctor`"),
    "ledger_down": Meaning("the ledger cannot be written", _RUNS, "`sluice doctor`"),
}
