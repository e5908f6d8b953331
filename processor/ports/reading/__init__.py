"""Looking at the world: anyone who decides may hold these.

Every method may raise `Unavailable` (a product is down) and nothing of a client library.
Nothing here changes anything outside.
"""
