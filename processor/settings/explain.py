"""The configuration explained for one model, or policy by policy: what holds, why, and from where.

Place in the flow: `sluice config explain` prints it. The model may be one nobody has seen yet:
patterns are matched by its name alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from processor.policy.policy import Policy, specificity
from processor.settings.facts import Fact, Part, in_words, policy_parts, settings_part
from processor.settings.load import ConfigError, Loaded, shown
from processor.settings.written import Written, read
from processor.values.version import key_of

_MEANS = {
    "observe": "Sluice tells the whole story and writes nothing outside",
    "propose": "Sluice opens and closes its own pull requests; it merges and marks nothing",
    "full": "Sluice also merges where the policy leaves that to it, and marks in the registry",
}


@dataclass(frozen=True)
class Match:
    """A policy whose pattern matches; the more literal letters, the more specific it is."""

    pattern: str
    source: str
    letters: int
    wildcards: int


@dataclass(frozen=True)
class Explanation:
    """One policy as it rules a model (`model` None: any that it matches).

    `why` says why it is this policy; `others` match too and are less specific.
    """

    model: str | None
    workspace: str
    policy: Match
    why: str
    others: tuple[Match, ...]
    mode: Fact
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class _File:
    """A policy and the file it is written in."""

    policy: Policy
    written: Written

    @property
    def match(self) -> Match:
        """Return how specific its pattern is, and where that is written."""
        letters, fewer = specificity(self.policy.models)
        return Match(self.policy.models, self.written.source(("models",)), letters, -fewer)


def explain(
    loaded: Loaded, model: str | None = None, workspace: str | None = None
) -> list[Explanation]:
    """Return what rules a model, in each workspace that has a policy for it; or every policy.

    Raises ConfigError naming file and line: no policy matches, or two do and neither is the more
    specific.
    """
    settings = read(loaded.path, shown(loaded.path))
    files = [
        _File(policy, read(path, shown(path)))
        for policy, path in zip(loaded.policies.all, loaded.policy_files, strict=True)
        if workspace in {None, policy.workspace}
    ]
    if model is None:
        ruling: list[tuple[_File, Sequence[_File]]] = [(file, ()) for file in files]
    else:
        places = dict.fromkeys(file.policy.workspace for file in files)
        found = [_ruling(files, place, model) for place in places]
        ruling = [one for one in found if one is not None]
    if not ruling:
        raise ConfigError(_nobody(files, settings, model, workspace))
    return [
        Explanation(
            model=model,
            workspace=file.policy.workspace,
            policy=file.match,
            why=_why(file, others, model),
            others=tuple(one.match for one in others),
            mode=_mode(loaded, settings, file, model),
            parts=(*policy_parts(file.policy, file.written, model), _told(loaded, settings)),
        )
        for file, others in ruling
    ]


def explain_settings(loaded: Loaded) -> Part:
    """Return every setting with its value, its meaning and where it comes from."""
    return settings_part(loaded.settings, read(loaded.path, shown(loaded.path)))


def _ruling(
    files: Sequence[_File], workspace: str, model: str
) -> tuple[_File, Sequence[_File]] | None:
    """Return a workspace's policy of a model, with the others that match it."""
    found = [
        file
        for file in files
        if file.policy.workspace == workspace and fnmatchcase(model, file.policy.models)
    ]
    found.sort(key=lambda file: specificity(file.policy.models), reverse=True)
    if len(found) > 1 and specificity(found[0].policy.models) == specificity(
        found[1].policy.models
    ):
        first, second = found[0].match, found[1].match
        raise ConfigError(
            [
                f'{one.source}: models: "{one.pattern}" matches {model!r} as specifically as '
                f'"{other.pattern}" of {other.source}; make one of them more specific'
                for one, other in ((first, second), (second, first))
            ]
        )
    return (found[0], found[1:]) if found else None


def _nobody(
    files: Sequence[_File], settings: Written, model: str | None, workspace: str | None
) -> list[str]:
    """Return that no policy rules the model, file by file."""
    where = f" in workspace {workspace!r}" if workspace else ""
    what = f"no policy rules the model {model!r}{where}" if model else f"there is no policy{where}"
    return [
        settings.says(("policies",), f"{what}; a policy says which models may go where"),
        *(f'{file.match.source}: models: "{file.policy.models}" does not match' for file in files),
    ]


def _why(file: _File, others: Sequence[_File], model: str | None) -> str:
    """Return why it is this policy."""
    mine = file.match
    if model is None:
        return f'it rules what "{mine.pattern}" matches, where no pattern is more specific'
    if not others:
        return f'"{mine.pattern}" is the only pattern that matches'
    following = others[0].match
    return (
        f'"{mine.pattern}" ({_length(mine)}) is the most specific of {len(others) + 1} that '
        f'match, before "{following.pattern}" ({_length(following)})'
    )


def _length(match: Match) -> str:
    """Return what makes a pattern specific."""
    return (
        f"{match.letters} letter{'' if match.letters == 1 else 's'}, "
        f"{match.wildcards} wildcard{'' if match.wildcards == 1 else 's'}"
    )


def _mode(loaded: Loaded, settings: Written, file: _File, model: str | None) -> Fact:
    """Return how much may be written about the model, and which line says so."""
    modes = loaded.settings.modes
    if model is None:
        return Fact("effective", str(modes), settings.source(("mode",)))
    key = key_of(loaded.settings.registry.id, file.policy.workspace, model)
    mode, pattern = modes.of(key), modes.pattern_of(key)
    mapped = isinstance(loaded.settings.mode, dict)
    source = settings.source(("mode", pattern) if mapped and pattern else ("mode",))
    by = f' by "{pattern}"' if mapped and pattern else " as no pattern matches" if mapped else ""
    return Fact("effective", f"{mode}{by}: {_MEANS[mode]}", source)


def _told(loaded: Loaded, settings: Written) -> Part:
    """Return who hears of what happens."""
    patterns = loaded.settings.notify.log
    fact = Fact(
        "log", f"one line each for {in_words(patterns)}", settings.source(("notify", "log"))
    )
    return Part("told", (fact,))
