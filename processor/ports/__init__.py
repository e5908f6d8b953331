"""What the program needs from the world and the ledger, in its own words.

One Protocol per file, two to six methods, our nouns only, no client types.
`reading/` is for whoever decides; `writing/` is for the effects door alone.
"""
