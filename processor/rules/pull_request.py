"""The words of a pull request: branch, commit message, body, sticky comment, status.

Place in the flow: `propose` fills a `Draft` with them, `confirm` rewrites the sticky comment,
`vouch` says the status; forges find our proposals by the marker in the body.
Names of models, metrics, data sets and people come from strangers: they appear only escaped, so
none of them can mention, link, close an issue, break a table or forge a marker.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from processor.policy.targets import Target
from processor.rules.slots import dns_name
from processor.values.evaluation import Comparison, GateResult, Training
from processor.values.principal import Principal
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord
from processor.values.version import Version

_LONGEST_BODY = 60_000  # characters; GitHub takes 65,536
_LONGEST_NAME = 300
_LONGEST_TITLE = 200
_LONGEST_STATUS = 140  # what GitHub takes
_SPECIAL = re.compile(
    r"[&<>|@#`*_\[\]\\~$!]|(?<=p):(?=//)|(?<=ps):(?=//)|(?<=ww)w(?=\.)", re.IGNORECASE
)
_MARKER = re.compile(r"<!-- sluice:v1 (\{[^<>\n]*\}) -->")
_SAYS = {"passed": "passed", "failed": "**failed**", "inconclusive": "**inconclusive**"}


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one pull request proposes.

    `old_uri` is what the slot holds now (None: nothing), `browser_url` the registry's address for
    people (empty: no link), `edits` the scalars that change as (file, path, old, new).
    """

    promotion: Promotion
    record: VersionRecord | None
    target: Target
    old_uri: str | None
    new_uri: str
    browser_url: str = ""
    edits: tuple[tuple[str, str, str | None, str], ...] = ()


def branch_of(promotion: Promotion, attempt: int = 1) -> str:
    """Return the head branch of a promotion's n-th attempt at a pull request."""
    version = promotion.version
    number = version.number if re.fullmatch(r"[0-9]{1,18}", version.number) else "x"
    again = f"-a{attempt}" if attempt > 1 else ""
    return (
        f"promote/{promotion.target}/{dns_name(version.model)}-v{number}-{promotion.id[:8]}{again}"
    )


def marker_of(promotion_id: str) -> str:
    """Return the hidden line that tells whose pull request it is."""
    return f"<!-- sluice:v1 {json.dumps({'promotion': promotion_id})} -->"


def promotion_in(body: str) -> str | None:
    """Return the promotion a body's last marker names, or None; ours is always the last line."""
    for found in reversed(_MARKER.findall(body)):
        try:
            said = json.loads(found)
        except ValueError:
            continue
        if isinstance(said.get("promotion"), str):
            return str(said["promotion"])
    return None


def title_of(promotion: Promotion, champion: Version | None = None) -> str:
    """Return the title, one line: what would serve where, instead of what."""
    verb = "Restore" if promotion.restores else "Promote"
    instead = f" (now v{champion.number})" if champion else ""
    return _line(f"{verb} {promotion.version}{instead} to {promotion.target}")


def message_of(promotion: Promotion, record: VersionRecord | None) -> str:
    """Return the commit message; its trailers let the story be rebuilt from git alone."""
    run = f"MLflow-Run: {_line(record.run_id)}\n" if record and record.run_id else ""
    return (
        f"{title_of(promotion)}\n\n"
        f"Model-Version: {_line(str(promotion.version))}\n"
        f"{run}"
        f"Promotion-Id: {_line(promotion.id)}\n"
    )


def body_of(change: Change) -> str:
    """Return the body in markdown, at most 60,000 characters, the marker on its last line."""
    judgement = change.record.judgement if change.record else None
    results = judgement.results if judgement else ()
    comparison = judgement.comparison if judgement else None
    lines = [
        _verdict(change, results, comparison),
        *_metrics(change, comparison),
        *_gates(change, results),
        *_lineage(change, judgement.training if judgement else None),
        *_edits(change),
    ]
    footer = [*_rollout(change), *_rollback(change), *_footer(change.promotion)]
    return _clamped(lines, footer)


def sticky_comment(promotion: Promotion, *lines: str) -> str:
    """Return the one comment that tells how the rollout goes; `lines` are plain sentences."""
    told = "\n".join(f"- {_words(line)}" for line in lines)
    head = f"**{_words(promotion.state.replace('_', ' '))}**: {_name(str(promotion.version))}"
    return _clamped([f"{head} at {_name(promotion.target)}", "", told], [])


def status_description(unmet: Sequence[str]) -> str:
    """Return what is missing, in the 140 characters a commit status has."""
    text = _line("; ".join(unmet)) if unmet else "every condition holds"
    return _short(text, _LONGEST_STATUS)


def _verdict(change: Change, results: tuple[GateResult, ...], comparison: Comparison | None) -> str:
    """Return the one line a reviewer reads first."""
    promotion = change.promotion
    champion = comparison.champion if comparison else None
    came = f" (now {_name(str(champion))})" if champion else ""
    what = f"{_name(str(promotion.version))}{came} to {_name(promotion.target)}"
    if promotion.restores:
        return f"**Restores {what}**, which served there before."
    passed = sum(result.verdict == "passed" for result in results)
    waived = sum(bool(result.waiver) for result in results)
    beside = f", {waived} waived" if waived else ""
    return f"**Promotes {what}: {passed}/{len(results)} gates passed{beside}.**"


def _metrics(change: Change, comparison: Comparison | None) -> Iterable[str]:
    """Return the table of challenger against champion."""
    if comparison is None or not comparison.rows:
        return
    champion = _name(str(comparison.champion)) if comparison.champion else "no champion yet"
    yield from ("", "### Metrics", "")
    yield (
        f"| metric | champion: {champion} | challenger: {_name(str(change.promotion.version))} "
        "| delta | bound | verdict |"
    )
    yield "|---|---:|---:|---:|---|---|"
    for row in comparison.rows:
        better = f"{row.better} is better"
        cells = (
            f"{_name(row.metric)} ({better})",
            _or_dash(row.champion),
            _or_dash(row.candidate),
            _or_dash(row.delta),
            _words(row.bound),
            _SAYS[row.verdict],
        )
        yield f"| {' | '.join(cells)} |"


def _gates(change: Change, results: tuple[GateResult, ...]) -> Iterable[str]:
    """Return the table of gates with their reasons and evidence."""
    if not results:
        asked = "none is asked of a way back" if change.promotion.restores else "none was judged"
        yield from ("", "### Gates", "", f"No gate results: {asked}.")
        return
    yield from ("", "### Gates", "", "| gate | verdict | why | evidence |", "|---|---|---|---|")
    for result in results:
        evidence = ", ".join(f"{_name(key)} = {_name(value)}" for key, value in result.evidence)
        why = _words(result.sentence)
        yield f"| {_name(result.gate)} | {_SAYS[result.verdict]} | {why} | {evidence} |"


def _lineage(change: Change, training: Training | None) -> Iterable[str]:
    """Return where the version came from."""
    version, promotion = change.promotion.version, change.promotion
    yield from ("", "### Lineage", "")
    yield f"- Registered version: {_link(change.browser_url, version)}"
    run = training.run_id if training else change.record.run_id if change.record else ""
    yield f"- Training run: {_name(run) if run else 'unknown'}"
    if training:
        at = training.trained_at.isoformat() if training.trained_at else "unknown"
        yield f"- Trained at: {at}, by {_who(training.trainer)}"
        for data in training.datasets:
            used = f" ({_words(data.context)})" if data.context else ""
            yield f"- Data set: {_name(data.name)}{used}, digest {_name(data.digest)}"
        if not training.datasets:
            yield "- Data set: none was logged with the run"
    yield f"- Requested by: {_who(promotion.requested_by)}"
    old = _name(change.old_uri) if change.old_uri else "nothing"
    yield f"- Artifact: {old} → {_name(change.new_uri)}"


def _edits(change: Change) -> Iterable[str]:
    """Return the scalars that change, so that a reviewer can tell an edit added later."""
    if not change.edits:
        return
    yield from ("", "### Changed values", "", "| file | path | from | to |", "|---|---|---|---|")
    for file, path, old, new in change.edits:
        yield f"| {_name(file)} | {_name(path)} | {_or_dash(old)} | {_name(new)} |"


def _rollout(change: Change) -> Iterable[str]:
    """Return what happens after the merge."""
    target, rule = change.target, change.target.approval
    yield from ("", "### Rollout", "")
    if rule == "automatic":
        yield "- Approval: automatic; Sluice merges while every gate holds."
    else:
        presses = "Sluice merges then" if rule.merge == "sluice" else "a person merges then"
        names = ", ".join(_name(name) for name in rule.people)
        yield (
            f"- Approval: {rule.count} of {names}, never the requester, trainer, registrar or a "
            f"committer; {presses}."
        )
    seconds, stable = target.rollout.deadline.total_seconds(), target.rollout.stable.total_seconds()
    yield (
        f"- Cluster {_name(target.cluster)} has {seconds:g} s from the merge until it answers "
        f"predictions from the new artifact without a break for {stable:g} s; later is a failure."
    )
    for mark in target.registry.on_merge:
        yield f"- The registry says {_name(mark)} after the merge."
    for mark in target.registry.on_serving:
        yield f"- The registry says {_name(mark)} when it is seen serving."


def _rollback(change: Change) -> Iterable[str]:
    """Return the way back."""
    old = _name(change.old_uri) if change.old_uri else "nothing: it is the first to serve here"
    yield from ("", "### Rollback", "")
    yield f"- {_name('git revert -m 1 <merge commit>')}. The slot held {old} before."


def _footer(promotion: Promotion) -> Iterable[str]:
    """Return the promotion's id, readable and as the marker; the marker comes last."""
    yield from ("", "---", f"Promotion {_name(promotion.id)}, opened by Sluice.", "")
    yield marker_of(promotion.id)


def _link(browser_url: str, version: Version) -> str:
    """Return the version, linked where the registry has pages for people."""
    shown = _name(str(version))
    if not re.fullmatch(r"https?://[^\s<>()\"'`|]+", browser_url):
        return shown
    model, number = version.key.split("/")[2], quote(version.number, safe="")
    return f"[{shown}]({browser_url.rstrip('/')}/#/models/{model}/versions/{number})"


def _who(who: Principal) -> str:
    """Return a person with the word of doubt the assurance asks for."""
    if who.assurance == "unknown":
        return "unknown"
    return _name(who.name) + (" (claimed)" if who.assurance == "claimed" else "")


def _or_dash(value: str | None) -> str:
    """Return a cell for a value that may be missing."""
    return "–" if value is None else _name(value)  # noqa: RUF001 - a dash people read as "none"


def _line(text: str) -> str:
    """Return plain text on one line, without control characters, mentions or issue numbers."""
    calm = re.sub(r"([@#])(?=\S)", "\\1\u200b", _visible(text))
    return _short(calm, _LONGEST_TITLE)


def _visible(text: str) -> str:
    """Return the text on one line without characters that hide or reorder others."""
    spaced = " ".join(text.split())
    return "".join(char for char in spaced if unicodedata.category(char) not in {"Cc", "Cf", "Cs"})


def _short(text: str, longest: int) -> str:
    """Return the text cut to a length, with a sign of it."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _escaped(text: str) -> str:
    """Return text no markdown or HTML reader takes for markup."""
    plain = _short(_visible(text), _LONGEST_NAME)
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", plain)


def _name(text: str) -> str:
    """Return a stranger's name as code: forges neither mention nor link what stands in it."""
    return f"<code>{_escaped(text)}</code>"


def _words(text: str) -> str:
    """Return a sentence that may hold strangers' names; an invisible gap defuses mentions."""
    return re.sub(r"(&#(?:64|35|33);)", r"\1&#8203;", _escaped(text))


def _clamped(lines: Sequence[str], footer: Sequence[str]) -> str:
    """Join lines within the limit; the footer always stays, what is cut is counted."""
    ending = "\n".join(footer)
    room = _LONGEST_BODY - len(ending) - 100
    kept: list[str] = []
    for at, line in enumerate(lines):
        if len(line) + 1 > room:
            left = len(lines) - at
            kept += ["", f"_{left} more lines are left out; `sluice why` shows them._"]
            break
        kept.append(line)
        room -= len(line) + 1
    return "\n".join([*kept, ending]) if footer else "\n".join(kept)
