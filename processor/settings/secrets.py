"""Which files hold secrets.

Place in the flow: `app` hides them from gate programs, `sluice doctor` looks who can read
them. By convention a setting that names one ends
in `_file`, so a new secret is found without being listed.
"""

from collections.abc import Iterator
from pathlib import Path

from processor.settings.setting import Setting


def secret_files(setting: Setting) -> Iterator[Path]:
    """Yield every file a setting below this one names as a secret's, there or not."""
    for _, path in named_secrets(setting):
        yield path


def named_secrets(setting: Setting, above: str = "") -> Iterator[tuple[str, Path]]:
    """Yield the same files behind what names each: `registry.token_file`."""
    for name in type(setting).model_fields:
        value = getattr(setting, name)
        if isinstance(value, Path) and name.endswith("_file"):
            yield f"{above}{name}", value
        elif isinstance(value, Setting):
            yield from named_secrets(value, f"{above}{name}.")
        elif isinstance(value, dict):
            for key, item in value.items():
                if isinstance(item, Setting):
                    yield from named_secrets(item, f"{above}{name}.{key}.")
