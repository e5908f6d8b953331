"""Forges in memory that answer a second request for the same pull request as products do.

One file per behaviour, all on `testing/forge`; `BEHAVIOURS` names them. Tests that open pull
requests are run on every one of them: what is right must not depend on the forge's kindness.
"""

from collections.abc import Mapping

from processor.testing.forge import MemoryForge
from processor.testing.forges.belated import BelatedForge
from processor.testing.forges.gitea import GiteaLike
from processor.testing.forges.github import GitHubLike
from processor.testing.forges.gitlab import GitLabLike
from processor.testing.forges.hasty import HastyForge
from processor.testing.forges.stumbling import StumblingForge

BEHAVIOURS: Mapping[str, type[MemoryForge]] = {
    "422 for a duplicate": GitHubLike,
    "409 for a duplicate": GitLabLike,
    "check, then insert": GiteaLike,
    "5xx but created": StumblingForge,
    "lists late": BelatedForge,
    "ended before the retry": HastyForge,
}
