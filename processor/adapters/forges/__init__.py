"""Forges: where proposals are opened, approved and merged.

One package per product, each implementing both halves of the forge ports.
Nothing of git's or an API's own words leaves these packages.
"""
