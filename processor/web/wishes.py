"""What people may want, as the web hands it on.

Place in the flow: `app` fills it; API and pages call the same commands.
"""

from dataclasses import dataclass

from processor.commands.approve import Approve
from processor.commands.evaluate import Evaluate
from processor.commands.reject import Reject
from processor.commands.request import Request
from processor.commands.switches import Switches
from processor.commands.waive import Waive


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """One command per wish; `switches` are the operator's."""

    approve: Approve
    reject: Reject
    evaluate: Evaluate
    request: Request
    waive: Waive
    switches: Switches
