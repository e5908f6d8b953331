"""What do a target's files hold, and what would a version change in them?

Place in the flow: propose asks before it opens a pull request, and again to tell what it changes.
"""

from collections.abc import Mapping

from processor.errors import NotYet
from processor.policy.targets import Target
from processor.ports.reading.forge import ForgeReader
from processor.rules.edits import Edits, edited, files_of, made_between, values_of
from processor.rules.manifests import ManifestError
from processor.values.proposal import Proposal, ScalarEdit
from processor.values.record import VersionRecord
from processor.values.slot import Repository

_LOOK_AGAIN = 10.0  # seconds until another look at what is missing in Git
_PATIENCE = 15 * 86400.0  # longer than a request may wait: by then it has expired


async def edits_of(
    forge: ForgeReader,
    where: Repository,
    sha: str,
    target: Target,
    record: VersionRecord,
    uri: str,
) -> Edits:
    """Return the target's files changed; what is not there is waited for: somebody adds it."""
    values = values_of(record, uri)
    texts = await _texts(forge, where, sha, target, values)
    for file, kind in files_of(target, values).items():
        if file not in texts:
            raise _missing(
                f"{file} is not on {where.branch} of {where.name}: add the {kind} of "
                f"{record.version.model!r} there first"
            )
    try:
        return edited(target, values, texts)
    except ManifestError as error:
        raise _missing(f"on {where.branch} of {where.name}, {error}") from error


async def changes_of(
    forge: ForgeReader,
    where: Repository,
    target: Target,
    record: VersionRecord,
    uri: str,
    proposal: Proposal,
) -> tuple[ScalarEdit, ...]:
    """Return what a pull request changes, read from it: an earlier turn may have opened it."""
    values = values_of(record, uri)
    before = await _texts(forge, where, proposal.base_sha, target, values)
    after = await _texts(forge, where, proposal.head_sha, target, values)
    return made_between(target, values, before, after)


async def _texts(
    forge: ForgeReader, where: Repository, sha: str, target: Target, values: Mapping[str, str]
) -> Mapping[str, bytes]:
    """Return the target's files at a commit; one that is not there is left out."""
    found: dict[str, bytes] = {}
    for file in files_of(target, values):
        text = await forge.read(where, sha, file)
        if text is not None:
            found[file] = text
    return found


def _missing(reason: str) -> NotYet:
    """Return that somebody has to do something in Git first."""
    return NotYet(reason, after=_LOOK_AGAIN, until=_PATIENCE)
