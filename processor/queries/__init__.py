"""Questions several handlers put to the views and to the outside before they act.

They look and put the rules' answer together; nothing is written and nothing is said here.
One file per question: which proposals an event concerns, what one still owes, what Git holds.
"""
