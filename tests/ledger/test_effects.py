"""An effect is open as long as a request of it may yet be seen."""

from dataclasses import replace
from pathlib import Path

from processor.testing.clock import JumpingClock
from processor.values.effect import Effect, EffectClosing
from tests.ledger.filled import opened


async def test_a_request_sent_again_after_a_source_gave_it_up_is_open_again(tmp_path: Path) -> None:
    clock = JumpingClock()
    ledger = await opened(tmp_path / "sluice.db", clock)
    effect = Effect("k", "registry.mark", "registry:main/x", "stage", "Staging", "d", "cause")
    await ledger.effects.begin(effect)
    sent = replace(effect, state="sending", attempt=1, sent_at=clock.now())
    doubted = replace(sent, state="ambiguous", quiet_until=clock.now())
    for state in (sent, doubted):
        await ledger.effects.save(state)
    await ledger.log.append((), closings=[EffectClosing("k", "noop")])
    assert await ledger.snapshots.open_effects("registry:") == []
    await ledger.effects.save(doubted)
    assert await ledger.snapshots.open_effects("registry:") == [], "nothing was sent"
    again = replace(sent, attempt=2)
    await ledger.effects.save(again)
    assert await ledger.snapshots.open_effects("registry:") == [again]
    await ledger.close()
