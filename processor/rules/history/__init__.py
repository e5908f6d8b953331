"""Fold events into views; pure and total.

One file per view, each with `keys_of` and `fold`; an event that does not concern a row, or comes
late, leaves it unchanged. `VIEWS` lists them; VERSION moves whenever a fold does.
"""

from processor.rules.history.fold import VERSION, VIEWS, At, View, fold_all

__all__ = ["VERSION", "VIEWS", "At", "View", "fold_all"]
