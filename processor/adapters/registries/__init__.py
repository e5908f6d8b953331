"""Model registries: MLflow's REST interface.

Reading and writing halves are one class, because they share one session; `app` hands out halves.
"""
