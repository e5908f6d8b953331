"""Looking at what serves, one module per kind of cluster.

Each implements `ports/reading/cluster` and passes tests/contracts/test_cluster.py.
They know no sibling, no event and no policy.
"""
