"""A controller in a running engine: from a message to the FrameSpec, and an edit of the mapping file meanwhile."""

import pytest
from bench import Plugs

from avserver.audio.source import SilentSource
from avserver.clock import Tick
from avserver.control.desk import Desk
from avserver.control.events import EventQueue
from avserver.control.mapping import parse_patch
from avserver.control.midi.hand import MidiHand
from avserver.engine_room import build_engine
from avserver.frame_spec import FrameSpec
from avserver.generator.architecture import StyleGAN2Config
from avserver.meter import Meter

MODEL = StyleGAN2Config(resolution=64, z_dim=8, w_dim=8, channel_base=256, channel_max=8, mapping_layers=2).shape
KNOB = '[[midi]]\nport = "nano"\ncontrol = "cc 1 7"\nto = "/latent/truncation_psi"\nrange = [0, 1]\n'
BEND = '[[bend]]\nname = "z"\nlayer = "b8"\ntransform = "zoom"\n'


def test_a_sweep_is_in_the_next_frame_and_survives_an_edit() -> None:
    patch = parse_patch(KNOB, file="x.toml")
    table, plugs = patch.param_table(), Plugs("nano")
    desk = Desk(table, dict)
    engine = build_engine(
        source=SilentSource(),
        patch=patch,
        table=table,
        queue=EventQueue(),
        desk=desk,
        meter=Meter(),
        hands=[MidiHand(plugs, patch, table)],
    )
    index = 0

    def play(value: int) -> FrameSpec:
        nonlocal index
        plugs.inbox.put(plugs.connections[0], bytes((0xB0, 7, value)), 0.0)
        engine.step(Tick(index, index / 30), 0.0)
        index += 1
        return engine.spec(MODEL)

    for value in range(127, 0, -1):
        play(value)
        assert desk.values["/latent/truncation_psi"] == pytest.approx(value / 127)
    edited = parse_patch(BEND + KNOB, file="x.toml")
    engine.take(edited, edited.param_table())
    before = play(1).truncation_psi
    for _ in range(30):
        spec = play(127)  # still in hand: it need not be picked up again
    assert before < 0.5
    assert spec.truncation_psi == pytest.approx(1.0, abs=1e-3)
