"""Fixtures every test folder may use."""

from tests.parts.mlflow import mlflow_server

__all__ = ["mlflow_server"]
