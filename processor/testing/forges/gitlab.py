"""A second open merge request of a branch is answered 409, as GitLab does.

Place in the flow: tests hand it out as `testing/forge`.
"""

from processor.testing.forges.refusing import RefusingForge


class GitLabLike(RefusingForge):
    """Refuses duplicates and names the one that is there."""

    refusal = "409: Another open merge request already exists for this source branch: !{twin}"
