"""A second open pull request of a branch is answered 422, as GitHub does.

Place in the flow: tests hand it out as `testing/forge`.
"""

from processor.testing.forges.refusing import RefusingForge


class GitHubLike(RefusingForge):
    """Refuses duplicates without saying which one is there."""

    refusal = "422: A pull request already exists for {owner}:{branch}."
