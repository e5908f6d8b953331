"""Seeds on which something was once found, with what it was; they are run always.

Place in the flow: `test_r2` runs them beside the others. A seed goes its way only as long as the
program asks for the same things in the same order, so each finding also has a test of its own in
`test_found.py`.
"""

PINNED = {
    2: "a request cancelled in the moment of a wake-up went on: `wait_for` before Python 3.12",
    6: "our own late word of a mark hid the stranger's value that had come meanwhile, for ever; "
    "and an approved merge of ours was judged as a bypass, by a promotion read before the approval",
    7: "while a version was judged again its trainer was unknown, and could say yes to it",
    11: "a mark of a version that somebody had just deleted died instead of being dropped",
    13: "a promotion of such a version died too",
}
