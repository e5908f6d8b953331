"""Answers: one question per file.

Page, API and command line all read these; each answer is a frozen dataclass that is simple JSON.
Readers look at the ledger alone: never a source, a handler or an adapter.
"""
