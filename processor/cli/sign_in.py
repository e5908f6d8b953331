"""`sluice sign-in`."""

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from processor.cli.client import Client, token_path
from processor.cli.options import TokenFile
from processor.cli.output import tell
from processor.settings.load import ConfigError

Link = Annotated[str, typer.Argument(metavar="LINK", help="Your sign-in link; it works once.")]


def sign_in(link: Link, token_file: TokenFile = None) -> None:
    """Sign in, and keep the token where the other commands look for it."""
    parts = urlsplit(link)
    tokens = parse_qs(parts.query).get("token", [])
    if parts.scheme not in {"http", "https"} or not parts.netloc or len(tokens) != 1:
        raise ConfigError([f"{link!r} is not a sign-in link: http://host:port/sign-in?token=..."])
    client = Client(f"{parts.scheme}://{parts.netloc}")
    found = client.post("/sign-in", {"token": tokens[0]})
    path = token_file or token_path(client.url)
    _keep(path, found["token"])
    tell(f"signed in as {found['person']} at {client.url}; the token is in {path}")


def _keep(path: Path, token: str) -> None:
    """Write a file only its owner reads, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(token + "\n")
    fresh.replace(path)
