"""The story on one machine: trained, gated, proposed, approved, merged, served, proved.

Place in the flow: `sluice demo` calls `main`. Every step goes through the doors anybody has:
events over HTTP, a person's token, git, and the model server's own port.
"""

import json
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from processor.demo.acts import Acts
from processor.demo.client import Client
from processor.demo.http import NoAnswer
from processor.demo.outcome import outcome, tell
from processor.demo.parts import Parts, running
from processor.demo.scene import (
    CannotStart,
    Scene,
    check_installed,
    choose_ports,
    make_folder,
    set_scene,
)
from processor.demo.telling import StoryBroke, Teller

_INTERRUPTED = 130
_CANNOT = 2


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What the command line says; `port` is that of Sluice's pages, None takes a free one.

    `folder` None makes a temporary one, removed at the end unless `keep` or something broke.
    """

    yes: bool = False
    json: bool = False
    keep: bool = False
    seed: int = 1
    port: int | None = None
    folder: Path | None = None


def main(options: DemoOptions) -> int:
    """Tell the story; 0 when it ended well, 1 when it broke, 2 when it cannot start, 130 Ctrl-C.

    With `json` the last line on stdout is one JSON object, and all else goes to stderr.
    """
    teller = Teller(out=sys.stderr if options.json else sys.stdout)
    teller.phase("start")
    try:
        check_installed()
        ports = choose_ports(options.port)
        folder = make_folder(options.folder)
    except CannotStart as trouble:
        sys.stderr.write(f"sluice demo: {trouble}\n")
        return _CANNOT
    kept = options.keep or options.folder is not None
    try:
        with _interruptible():
            scene = set_scene(folder, options.seed, ports)
            _tell_all(options, teller, scene)
    except CannotStart as trouble:
        sys.stderr.write(f"sluice demo: {trouble}\n")
        return _CANNOT
    except (StoryBroke, NoAnswer) as trouble:
        kept = True
        sys.stderr.write(f"sluice demo: {trouble}\n  everything it wrote: {folder}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nsluice demo: stopped; nothing is left running\n")
        return _INTERRUPTED
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def _tell_all(options: DemoOptions, teller: Teller, scene: Scene) -> None:
    """Start the parts, tell the acts, end with the outcome."""
    teller.say(f"everything is in {scene.folder}; the model is {scene.model}")
    with running(scene) as parts:
        teller.check = parts.check
        teller.say("starting MLflow, Sluice, a cluster of model servers and a trainer side by side")
        parts.start()
        parts.wait(teller)
        acts = Acts(parts=parts, client=Client(scene=scene), teller=teller, yes=options.yes)
        acts.first_version()
        acts.better_version()
        acts.worse_version()
        teller.phase("prove")
        found = outcome(acts)
        teller.phase(None)
        found["seconds"] = teller.shares()
        tell(found, teller, scene)
        if options.keep:
            _keep(parts, teller)
    if options.json:
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


def _keep(parts: Parts, teller: Teller) -> None:
    """Leave the parts up and say how to end them."""
    parts.keep()
    groups = " ".join(f"-{process.pid}" for process in parts.processes.values())
    teller.say(f"the parts stay up; their process ids are in {parts.scene.folder / 'pids.json'}")
    teller.say(f"stop them: kill -- {groups}")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the story as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # stopping everything must not be interrupted
        raise KeyboardInterrupt

    caught = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup means what it says
        caught.append(signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in caught}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
