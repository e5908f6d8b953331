"""The only module that knows every other: settings in, running tasks out.

Place in the flow: `sluice run` calls `run`; readers without a running process use `open_reader`;
`doctor` uses `check`. `Outside` holds everything that is not us; tests hand in another one
through the same door. The writing halves go to the effects door and nowhere else.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from processor import log
from processor.adapters.chat.log import LogNotifier
from processor.adapters.clusters.local import LocalCluster
from processor.adapters.credentials import Credentials
from processor.adapters.forges.local import LocalForge
from processor.adapters.http import Http
from processor.adapters.ledgers import Ledger
from processor.adapters.ledgers.lock import held
from processor.adapters.registries.mlflow import MlflowRegistry
from processor.bus.local import LocalBus
from processor.commands.approve import Approve
from processor.commands.evaluate import Evaluate as AskEvaluation
from processor.commands.reject import Reject
from processor.commands.request import Request
from processor.engine.clock import SystemClock
from processor.engine.dependencies import KnownStates
from processor.engine.effects.announcements import AnnouncementDoor
from processor.engine.effects.door import Door
from processor.engine.effects.proposals import ProposalDoor
from processor.engine.effects.registry import RegistryDoor
from processor.engine.ingest import Ingest
from processor.engine.relay import Relay
from processor.engine.worker import Worker
from processor.handlers.announce import Announce
