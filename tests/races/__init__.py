"""Races: one write, asked for again and again while requests get lost, late and answered wrong."""
