"""One file per kind of gate.

Each answers passed, failed or inconclusive with its evidence, from facts already gathered.
Arithmetic is decimal, on the text that was logged.
"""
