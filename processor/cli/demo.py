"""`sluice demo`."""

from pathlib import Path
from typing import Annotated

import typer

Yes = Annotated[bool, typer.Option("--yes", help="Let a second local person approve.")]
Keep = Annotated[bool, typer.Option("--keep", help="Leave the parts up and say how to stop them.")]
Seed = Annotated[int, typer.Option("--seed", help="Changes data, metrics and the model's name.")]
Port = Annotated[
    int | None, typer.Option("--port", min=1, max=65535, help="Of the pages; else a free one.")
]
Folder = Annotated[
    Path | None, typer.Option("--folder", help="Where everything goes; else a temporary one.")
]
Json = Annotated[bool, typer.Option("--json", help="End with one line of JSON.")]


def demo(
    yes: Yes = False,  # noqa: FBT002 - a flag
    keep: Keep = False,  # noqa: FBT002 - a flag
    seed: Seed = 1,
    port: Port = None,
    folder: Folder = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Tell the whole story on this machine: train, gate, propose, approve, serve, prove."""
    from processor.demo import story  # noqa: PLC0415 - real parts only where they are started

    options = story.DemoOptions(yes=yes, keep=keep, seed=seed, json=json, port=port, folder=folder)
    raise typer.Exit(story.main(options))
