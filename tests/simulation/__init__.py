"""The whole program in virtual time, over an outside in memory that loses, delays and repeats.

What other tests may use:

    from tests.simulation import Plan, simulated, virtually

    def test_something(tmp_path):
        async def story():
            async with simulated(tmp_path, Plan(seed=1)) as sim:   # the program runs from here on
                sim.world.train("run-1", accuracy="0.95")              # be the pipeline
                await sim.emit("fraud-1", "run-1")                     # at least once, same id
                await sim.until(lambda: sim.count("rollout.succeeded") == 1, within=600)
                sim.crash(); await sim.restarted()                     # die here, start again
                await asyncio.sleep(3600)                              # an hour; costs no time
                ...
        virtually(story())

`virtually(coroutine)` runs it on a loop whose clock jumps to the next timer: no real waiting, no
thread, no socket; whatever waits for one fails loudly, and so does a loop in which nothing can
ever happen. Nothing in a run depends on anything but its seed.

`simulated(folder, plan)` starts the program (`app/program.assemble` over a ledger file in
`folder`) and judges nothing; by default the wire is clean and nothing crashes. `Plan` says the
seed, the faults of the wire, how often it crashes, the settings and the policies.

    sim.world      registry, forge, cluster, channel: in memory, and what people do to them
    sim.clock      `now()`; sleep with `asyncio.sleep`
    sim.program    what `assemble` returned; None while the process is down
    sim.ledger     its ledger, likewise
    sim.ask(fn)    call `fn(program)` inside the process and await it, again after a crash
    sim.weather    faults per product; `.down("registry")` / `.up("registry")`
"""

from tests.simulation.loop import VirtualClock, VirtualLoop, virtually
from tests.simulation.plan import Plan
from tests.simulation.program import Simulation, simulated

__all__ = ["Plan", "Simulation", "VirtualClock", "VirtualLoop", "simulated", "virtually"]
