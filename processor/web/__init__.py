"""HTTP: events in, pages and API out.

Nothing is decided here: answers come from `views/`, wishes go to `commands/`, events to the log.
Loopback only while people sign in by local links; every refusal is an RFC 9457 problem.
"""
