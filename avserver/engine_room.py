"""Puts together what decides frames: the same for a live show and for a song that is rendered."""

import random
from collections.abc import Callable, Sequence

from avserver.analysis.analyser import Analyser, Listening
from avserver.analysis.delayed import Delayed
from avserver.audio.held import HeldBack
from avserver.audio.source import AudioSource
from avserver.control.desk import Desk
from avserver.control.events import EventQueue
from avserver.control.hand import Hand
from avserver.control.inputs import Inputs
from avserver.control.mapper import Mapper
from avserver.control.params import ParamTable
from avserver.control.patch import Patch
from avserver.control.reseed import Reseeder
from avserver.control.sender import Sender
from avserver.control.told import Told
from avserver.control.transport import Transport
from avserver.engine import Ears, Engine, Script
from avserver.meter import Meter
from avserver.scene.scene import Scene


def build_engine(
    *,
    source: AudioSource,
    patch: Patch,
    table: ParamTable,
    queue: EventQueue,
    desk: Desk,
    meter: Meter,
    told: Told | None = None,
    listening: Listening | None = None,
    hands: Sequence[Hand] = (),
    chance: random.Random | None = None,
    inputs: Inputs | None = None,
    transport: Transport | None = None,
    sender: Sender | None = None,
    script: Script | None = None,
    foresight: Callable[[Ears], Ears] | None = None,
) -> Engine:
    """Return an engine for a patch.

    With `told` nobody listens to the source: what is heard is told. `chance` draws what is left to chance; without it
    the same is drawn in every run. Whoever hears of anything from outside puts it into `inputs`. Without a `sender`
    nothing is sent to other programs. A `script` says what to draw in place of the scene. `foresight` gives the
    ears to know what comes, where that can be known.
    """
    ears = make_ears(source, told, listening)
    return Engine(
        patch=patch,
        ears=foresight(ears) if foresight else ears,
        queue=queue,
        desk=desk,
        mapper=Mapper(patch, table),
        scene=Scene(patch),
        meter=meter,
        reseeder=Reseeder(chance or random.Random(0)),  # noqa: S311  (nothing here is a secret)
        inputs=inputs or Inputs(),
        transport=transport,
        hands=hands,
        sender=sender,
        script=script,
    )


def make_ears(source: AudioSource, told: Told | None, listening: Listening | None) -> Delayed:
    """Return what hears the source, or what is `told` instead."""
    if told is None:
        held = HeldBack(source)
        return Delayed(Analyser(held, listening), held.fetch)

    def fetch(now_s: float) -> None:
        source.read(now_s)  # not for its own sake: recordings have sound as long as they are
        told.fetch(now_s)

    return Delayed(told, fetch)
