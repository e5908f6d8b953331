"""Drills: the whole program against an outside that the test plays, and crashes at any point."""
