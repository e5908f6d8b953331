"""Seeds on which something was once found, with what it was; they are run always.

Place in the flow: `test_r2` runs them beside others. A seed goes its way only as long as the
program asks for the same things in the same order, so what was found is also a test where the
mended part has its own.
"""

PINNED = {
    2: "a task cancelled in the moment of its wake-up went on (tests/engine/test_local_bus.py)",
    6: "our late word of a mark hid a stranger's value for ever (tests/handlers/test_mark.py); an "
    "approved merge of ours was told as a bypass (tests/sources/test_proposals.py)",
    7: "whoever trained a version could say yes while it was judged again "
    "(tests/rules/test_history.py)",
    8: "a proposal opened after what serves had changed waited for ever "
    "(tests/handlers/test_withdraw.py)",
    13: "a mark and a promotion of a version that was just deleted died "
    "(tests/handlers/test_mark.py, test_propose.py)",
}
"""They are run small, in `make test`."""

PINNED_LONG = {
    1003: "what a stranger put back before our own word of a mark passed for ours "
    "(tests/rules/test_history.py)",
    2007: "a merge that another promotion's closing overtook died "
    "(tests/engine/test_effects_door_proposals.py)",
    2012: "our write between a listing and a read of the version alone passed for a stranger's "
    "(tests/sources/test_registry.py)",
    2019: "a stranger's change that hid our untold write passed for older than it "
    "(tests/rules/test_history.py)",
}
"""They are run at full size, in `make soak`."""
