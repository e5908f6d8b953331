"""Which files hold secrets.

Place in the flow: `app` hides them from gate programs. By convention a setting that names one ends
in `_file`, so a new secret is found without being listed.
"""

from collections.abc import Iterator
from pathlib import Path

from processor.settings.tree import Setting


def secret_files(setting: Setting) -> Iterator[Path]:
    """Yield every file a setting below this one names as a secret's, there or not."""
    for name in type(setting).model_fields:
        value = getattr(setting, name)
        if isinstance(value, Path) and name.endswith("_file"):
            yield value
        elif isinstance(value, Setting):
            yield from secret_files(value)
        elif isinstance(value, dict):
            for item in value.values():
                if isinstance(item, Setting):
                    yield from secret_files(item)
