"""What mappings/README.md tells is what mapping files may say."""

import re

from avserver.bundled import bundled, mapping_path
from avserver.control.envelope import SHAPES
from avserver.control.lfo import LFO_KINDS, LFO_SHAPES
from avserver.control.mapping import load_patch, parse_patch
from avserver.control.midi.controls import SPECS
from avserver.control.midi.encoder import ENCODINGS
from avserver.control.midi.knob import MODES
from avserver.control.midi.takeover import TAKEOVERS
from avserver.control.param_page import markdown
from avserver.control.patch import COMBINE
from avserver.control.scale import CURVES
from avserver.control.scenery import FOLLOWS, GLIDES, ORDERS

PAGE = bundled("mappings", "README.md").read_text(encoding="utf-8")


def test_its_examples_play(tmp_path):
    (tmp_path / "me.npz").touch()
    text = "\n".join(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
    patch = parse_patch(text, file=str(tmp_path / "mapping.toml"))
    assert [modulation.source for modulation in patch.modulations] == ["drums.mid.dip", "osc /camera/xy 2"]
    assert [knob.target for knob in patch.osc] == ["/latent/truncation_psi"]
    assert [knob.target for knob in patch.midi] == ["/noise/speed", "/grade/hue", "/preset/recall"]
    assert [(sending.port, sending.when) for sending in patch.sends] == [(7000, None), (7000, 0.5)]


def test_it_leaves_nothing_out():
    options = [key for keys in SHAPES.values() for key in keys] + [key for keys in LFO_SHAPES.values() for key in keys]
    names = {
        *TAKEOVERS,
        *ENCODINGS,
        *MODES[1:],
        *SPECS,
        *FOLLOWS,
        *GLIDES,
        *ORDERS,
        *COMBINE,
        *CURVES,
        *SHAPES,
        *LFO_SHAPES,
        *LFO_KINDS.values(),
        *options,
    }
    names |= {*TAKEOVERS, *ENCODINGS, *MODES[1:], *SPECS}
    assert {name for name in names if not re.search(rf"\b{name}\b", PAGE)} == set()


def test_it_names_every_controller():
    files = {file.stem for file in bundled("mappings", "controllers").glob("*.toml")}
    assert {file for file in files if f"`{file}`" not in PAGE} == set()


def test_the_page_of_parameters_is_that_of_the_table():
    table = load_patch(mapping_path("default")).param_table()
    assert bundled("mappings", "PARAMETERS.md").read_text(encoding="utf-8") == markdown(table)
