"""From files to settings and policies, or every reason why not.

Place in the flow: `cli` calls `load` first; `app` builds its parts from what it returns.
Relative paths mean "beside the file that names them".
"""

import glob
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from processor.errors import SluiceError
from processor.policy.policy import Policies, Policy
from processor.settings.complaints import complaints
from processor.settings.crosscheck import PolicyFile, crosscheck
from processor.settings.setting import Setting
from processor.settings.tree import Settings, WebSettings
from processor.settings.written import Unreadable, Written, read
from processor.values.people import People


class ConfigError(SluiceError):
    """The configuration cannot be used; `lines` holds every reason, `file:line: field: what`."""

    def __init__(self, lines: Sequence[str]) -> None:
        """Keep the lines in the order they should be read."""
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What an operator wrote, checked; all paths in it are absolute.

    `digest` is the sha256 of settings and policies as they are in force.
    """

    path: Path
    settings: Settings
    policies: Policies
    policy_files: tuple[Path, ...]
    digest: str

    @property
    def people(self) -> People:
        """Return who is who, for the rules."""
        people = self.settings.people
        return People(
            names=frozenset(people),
            mlflow={person.mlflow: name for name, person in people.items() if person.mlflow},
            git={person.git: name for name, person in people.items() if person.git},
        )


def load(path: Path) -> Loaded:
    """Read `sluice.yaml` and the policies it names. Raises ConfigError with every problem."""
    name = shown(path)
    if not path.is_file():
        raise ConfigError([f"{name}: there is no such file; name it with --config"])
    try:
        written = read(path, name)
    except Unreadable as exc:
        raise ConfigError([str(exc)]) from exc
    lines: list[str] = []
    try:
        settings = Settings.model_validate(written.plain)
    except ValidationError as exc:
        lines += complaints(written, Settings, exc)
        settings = None
    patterns = settings.policies if settings else _patterns(written)
    files, more = _policies(written, patterns)
    lines += more
    if settings:
        lines += crosscheck(settings, files)
    if lines or not settings:
        raise ConfigError(lines)
    policies = Policies(
        tuple(file.policy for file in files),
        {
            (file.policy.workspace, file.policy.models): str(file.written.path.parent.absolute())
            for file in files
        },
    )
    return Loaded(
        path=path.resolve(),
        settings=_anchored(settings, path.resolve().parent),
        policies=policies,
        policy_files=tuple(file.written.path for file in files),
        digest=_digest(settings, policies),
    )


def listening_on(loaded: Loaded, listen: str) -> Loaded:
    """Return the same configuration with another `web.listen`; a bare host keeps the port."""
    web = loaded.settings.web
    address = listen if ":" in listen.rpartition("]")[2] else f"{listen}:{web.port}"
    try:
        moved = WebSettings.model_validate({**web.model_dump(), "listen": address})
    except ValidationError as exc:
        said = [detail["msg"].removeprefix("Value error, ") for detail in exc.errors()]
        raise ConfigError([f"--listen: {'; '.join(said)}"]) from exc
    return replace(loaded, settings=loaded.settings.model_copy(update={"web": moved}))


def _policies(written: Written, patterns: Sequence[str]) -> tuple[list[PolicyFile], list[str]]:
    """Return the policies that could be read, and what is wrong with the others."""
    base = written.path.resolve().parent
    files: list[PolicyFile] = []
    lines: list[str] = []
    seen: set[Path] = set()
    for place, pattern in enumerate(patterns):
        # Path.glob takes no absolute pattern, and a ConfigMap may be mounted anywhere
        names = sorted(glob.glob(pattern, root_dir=base, recursive=True))  # noqa: PTH207
        found = [path for path in (base / name for name in names) if path.is_file()]
        if not found:
            lines.append(
                written.says(
                    ("policies", place),
                    f'no file matches "{pattern}" in {base}; a policy says which models '
                    "may go where",
                )
            )
        for path in found:
            if path not in seen:
                seen.add(path)
                _read_policy(path, files, lines)
    return files, lines


def _read_policy(path: Path, files: list[PolicyFile], lines: list[str]) -> None:
    try:
        written = read(path, shown(path))
    except Unreadable as exc:
        lines.append(str(exc))
        return
    try:
        files.append(PolicyFile(written, Policy.model_validate(written.plain)))
    except ValidationError as exc:
        lines += complaints(written, Policy, exc)


def _patterns(written: Written) -> Sequence[str]:
    """Return the policy globs of a file that is wrong elsewhere: its policies are read too."""
    value = written.at(("policies",))
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [str(item) for item in value]
    return Settings.model_fields["policies"].default if value is None else ()


def _anchored(setting: Settings, base: Path) -> Settings:
    """Return the settings with every relative path made absolute."""
    return setting.model_copy(update=_anchors(setting, base))


def _anchors(setting: Setting, base: Path) -> dict[str, object]:
    moved: dict[str, object] = {}
    for name in type(setting).model_fields:
        value = getattr(setting, name)
        if isinstance(value, Path):
            moved[name] = base / value.expanduser()
        elif isinstance(value, tuple) and any(isinstance(one, Path) for one in value):
            moved[name] = tuple(base / one.expanduser() for one in value)
        elif isinstance(value, Setting):
            moved[name] = value.model_copy(update=_anchors(value, base))
        elif isinstance(value, dict):
            moved[name] = {
                key: item.model_copy(update=_anchors(item, base))
                if isinstance(item, Setting)
                else item
                for key, item in value.items()
            }
    return moved


def _digest(settings: Settings, policies: Policies) -> str:
    parts = [settings.model_dump(mode="json"), [policy.digest for policy in policies.all]]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def shown(path: Path) -> str:
    """Return a path as short as it can be understood from here."""
    absolute = path.resolve()
    here = Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
