"""A client of a registry's database: `python store_client.py URI`, one call a line on stdin.

Started by tests/registry/doors.py with the environment of the server beside it; it needs nothing of
this repository. A line is `[method of MlflowClient, its arguments]`, an answer `done` or why not.
"""

import json
import os
import sys
import warnings

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
warnings.simplefilter("ignore")

from mlflow import MlflowClient  # noqa: E402 - only after its telemetry is off


def main() -> None:
    """Carry out what is asked until stdin ends."""
    client = MlflowClient(tracking_uri=sys.argv[1], registry_uri=sys.argv[1])
    for line in sys.stdin:
        method, arguments = json.loads(line)
        try:
            getattr(client, method)(**arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test is told
            answer = " ".join(f"{type(error).__name__}: {error}".split())
        else:
            answer = "done"
        print(answer, flush=True)


if __name__ == "__main__":
    main()
