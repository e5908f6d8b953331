"""Telling people: one product per file behind `ports/writing/notifier`.

The log is one of them: the newcomer's channel.
It needs no account and no network.
"""
