"""DBOS: workflows of three steps on SQLite, as it comes.

Place in the flow: P5 starts it as a process of its own and reads the JSON it prints. Each step
is committed by DBOS before the next begins, as each turn of ours is. One workflow after the
other is how it is fastest: side by side they wait for each other's lock on the file.
"""

import argparse
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from dbos import DBOS


@DBOS.step()
def first(number: int) -> int:
    return number + 1


@DBOS.step()
def second(number: int) -> int:
    return number + 1


@DBOS.step()
def third(number: int) -> int:
    return number + 1


@DBOS.workflow()
def three(number: int) -> int:
    return third(second(first(number)))


def main() -> None:
    """Run workflows; print how many a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--wal", action="store_true", help="put the file into WAL mode first")
    wished = parser.parse_args()
    if wished.wal:
        with closing(sqlite3.connect(wished.file)) as file:
            file.execute("PRAGMA journal_mode=WAL")
    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{wished.file}",
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    for number in range(wished.count // 10):
        three(number)
    began = time.perf_counter()
    for number in range(wished.count):
        three(number)
    took = time.perf_counter() - began
    with closing(sqlite3.connect(wished.file)) as file:
        ended, steps = (
            file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("workflow_status WHERE status = 'SUCCESS'", "operation_outputs")
        )
    DBOS.destroy()
    print(json.dumps({"rate": wished.count / took, "workflows": ended, "steps": steps}))


if __name__ == "__main__":
    main()
