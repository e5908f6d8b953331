"""The story on one machine: real MLflow, real git, real model servers, nothing left running.

`story` tells it (`sluice demo`), `cluster` and `trainer` are processes of their own.
Only those processes' children import MLflow; nothing here knows engine, sources or adapters.
"""
