"""The effects door: record the wish, make the write, record what is true.

The only holder of the writing halves of the ports. Every write is a row before it is a request.
One file per kind of thing that is changed; `door.py` holds what they share.
"""
