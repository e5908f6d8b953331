"""The public record and the wake-up.

Local: the event table is the log and this only wakes the reader.
The ledger stays the truth: a bus may be down, late or trimmed.
"""
