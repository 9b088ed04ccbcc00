"""Presets and their files: what is held, how it reads back, and that no crash spoils one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avserver.control.fixed_params import FIXED
from avserver.control.param_makers import choice_param
from avserver.control.params import Kind, Param, ParamTable, Value
from avserver.control.patch_params import bend_params, choir_params
from avserver.control.preset_file import parse_preset, read_preset, to_toml, write_preset
from avserver.control.preset_folder import PresetFolder
from avserver.control.presets import Preset, check_name, is_kept, snapshot
from avserver.errors import PresetError
from avserver.transforms import TRANSFORMS

TABLE = ParamTable(
    [
        *FIXED,
        *choir_params("melody", seeds=(1, 2**32 - 1), layers=(0.0, 0.5), glide_s=1.0),
        *(param for name in TRANSFORMS for param in bend_params(f"a_{name}", layer="b8", transform=name)),
        choice_param("/fog/kind", "thin", ("thin", "thick", 'a "quoted" \\ \x1f one'), "how thick"),
    ]
)
NAMES = st.from_regex(r"\A\w([\w .()-]{0,40}\w)?\Z")


def values_of(param: Param) -> st.SearchStrategy[Value]:
    if param.kind is Kind.BOOL:
        return st.booleans()
    if param.kind is Kind.INT:
        return st.integers(int(param.minimum), int(param.maximum))
    return st.floats(param.minimum, param.maximum)


HELD = [param for param in TABLE.values() if is_kept(param)]


@given(st.fixed_dictionaries({param.address: values_of(param) for param in HELD}), NAMES)
def test_what_is_saved_is_read_back_exactly(values: dict[str, Value], name: str):
    preset = snapshot(name, TABLE, TABLE.defaults() | values)
    again = parse_preset(to_toml(preset), file="x.toml", name="another")
    assert again == preset
    assert list(again.values) == [address for address in TABLE if address in values]
    read, unknown = again.fit(TABLE)
    assert read == values
    assert {address: type(value) for address, value in read.items()} == {at: type(v) for at, v in values.items()}
    assert unknown == []


def test_a_file_can_be_read_by_people():
    preset = snapshot("Deep blue", TABLE, TABLE.defaults() | {"/fog/kind": 1}, ["/noise", "/choir/melody/seed", "/fog"])
    assert to_toml(preset) == (
        'name = "Deep blue"\n\n[values]\n\n# noise\n"/noise/strength" = 0.5\n"/noise/speed" = 1.0\n'
        '"/noise/grain_coarse" = 0.0\n"/noise/grain_fine" = 0.0\n\n# choir melody\n"/choir/melody/seed/1" = 1\n'
        '"/choir/melody/seed/2" = 4294967295\n\n# fog\n"/fog/kind" = "thick"\n'
    )


def test_how_the_show_is_run_is_left_out_unless_it_is_named():
    held = snapshot("x", TABLE, TABLE.defaults()).values
    for address in (
        "/lock", "/output/blackout", "/audio/delay_ms", "/preset/morph_s", "/panic", "/segment/next",
    ):  # fmt: skip
        assert address not in held
    assert "/output/opacity" in held
    assert "/output/blackout" not in snapshot("x", TABLE, TABLE.defaults(), ["/output"]).values
    assert list(snapshot("x", TABLE, TABLE.defaults(), ["/output/blackout"]).values) == ["/output/blackout"]
    for nothing in ("/nois", "/panic", 3, ["/noise"]):
        with pytest.raises(PresetError, match=r"there is nothing to keep at|is named by addresses"):
            snapshot("x", TABLE, TABLE.defaults(), [nothing])


@given(st.text(max_size=60))
def test_no_name_leads_out_of_the_folder(name: str):
    try:
        check_name(name)
    except PresetError:
        return
    folder = Path("/somewhere/presets")
    path = folder / f"{name}.toml"
    assert path.parent == folder
    assert path.stem == name
    assert not name.startswith(".")
    assert len(os.fsencode(path.name)) < 256


@given(NAMES)
def test_names_of_letters_digits_and_spaces_are_fine(name: str):
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "a/b", "..", ".x", "x.", " x", "x ", "a\0b", "a\nb", "x" * 49, "a\\b", 3, None])
def test_other_names_are_refused(name: object):
    with pytest.raises(PresetError, match="a preset's name has 1 to 48 letters"):
        check_name(name)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[values]\n/noise = 1", "x.toml is not valid TOML: .*line 2"),
        ("nam = 'x'", "x.toml, line 1: a preset has no key 'nam'; did you mean 'name'?"),
        ("name = 'x'\nnumber = -1", "line 2: number is a whole number from 0 to 2097151, got -1"),
        ("number = true", "line 1: number is a whole number"),
        ("morph_s = nan", "line 1: morph_s is a number from 0 to 600 s, got nan"),
        ("name = '../x'", "line 1: a preset's name has"),
        ("values = 3", "line 1: values is a table"),
        ('[values]\n\n"/noise/speed" = [1]', "line 3: /noise/speed is a number, true, false or a text"),
        ('[values]\n"/noise/speed" = inf', "line 2: /noise/speed is a number"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(text: str, reason: str):
    with pytest.raises(PresetError, match=reason):
        parse_preset(text, file="x.toml", name="x")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('"/noise/speed" = "fast"', "x.toml, line 2: /noise/speed takes a number from 0 to 8, got 'fast'"),
        ('"/fog/kind" = "green"', "x.toml, line 2: /fog/kind takes 0 thin, 1 thick"),
        ('"/panic" = 1', "x.toml, line 2: /panic is a trigger"),
    ],
)
def test_a_bad_value_is_refused_with_its_line(line: str, reason: str):
    with pytest.raises(PresetError, match=reason):
        parse_preset(f"[values]\n{line}", file="x.toml", name="x").fit(TABLE)


def test_a_preset_outlives_what_it_was_made_for():
    text = '[values]\n"/bend/gone/angle" = 3\n"/noise/speed" = 99\n"/fog/kind" = "thick"\n'
    values, unknown = parse_preset(text, file="x.toml", name="x").fit(TABLE)
    assert values == {"/noise/speed": 8.0, "/fog/kind": 1}  # out of range is clamped, as it is everywhere
    assert unknown == ["/bend/gone/angle"]


# ---- the folder ----


def names(folder: PresetFolder) -> list[str]:
    return [preset.name for preset in folder.look().presets]


def test_the_folder_is_made_at_the_first_save_and_saving_again_keeps_the_number(tmp_path: Path):
    folder = PresetFolder(tmp_path / "deep" / "presets")
    assert names(folder) == []
    folder.save(Preset("b", {"/noise/speed": 1.0}))
    folder.save(Preset("a", {"/noise/speed": 1.0}))
    path = folder.path / "b.toml"
    path.write_text(f"number = 7\nmorph_s = 2\n{path.read_text()}")
    assert names(folder) == ["b", "a"]  # by number, then by name
    folder.save(Preset("b", {"/noise/speed": 4.0}))
    saved = folder.look().find("b")
    assert (saved.number, saved.morph_s, saved.values) == (7, 2.0, {"/noise/speed": 4.0})
    assert folder.look().find(7.0) is saved
    assert folder.look().find("7") is saved
    folder.delete("b")
    assert names(folder) == ["a"]
    assert sorted(path.name for path in folder.path.iterdir()) == ["a.toml"]


def test_what_is_put_changed_or_taken_away_by_hand_is_found(tmp_path: Path):
    folder = PresetFolder(tmp_path)
    (tmp_path / "first.toml").write_text("[values]\n")
    (tmp_path / ".hidden.toml").write_text("[values]\n")
    (tmp_path / "notes.txt").write_text("no preset")
    (tmp_path / "folder.toml").mkdir()
    assert names(folder) == ["first"]
    (tmp_path / "first.toml").write_text('name = "renamed"\n[values]\n')
    (tmp_path / "bad.toml").write_text("[values\n")
    (tmp_path / "twin.toml").write_text('name = "renamed"\n')
    shelf = folder.look()
    assert [preset.name for preset in shelf.presets] == ["renamed"]
    assert set(shelf.refused) == {"bad", "twin"}
    with pytest.raises(PresetError, match=r"bad.toml is not valid TOML"):
        shelf.find("bad")
    with pytest.raises(PresetError, match="did you mean 'renamed'"):
        shelf.find("renamd")
    with pytest.raises(PresetError, match="no preset has the number 5"):
        shelf.find(5)
    with pytest.raises(PresetError, match="is there and is not the preset 'bad'"):
        folder.save(Preset("bad", {}))  # what somebody wrote there is not lost
    (tmp_path / "first.toml").unlink()
    assert names(folder) == ["renamed"]  # the twin's turn
    (tmp_path / "twin.toml").unlink()
    assert names(folder) == []


def test_next_and_previous_go_round(tmp_path: Path):
    folder = PresetFolder(tmp_path)
    for name in "abc":
        folder.save(Preset(name, {}))
    shelf = folder.look()
    assert [shelf.beside(name, 1).name for name in ("", "a", "b", "c", "gone")] == ["a", "b", "c", "a", "a"]
    assert [shelf.beside(name, -1).name for name in ("", "a", "b", "c")] == ["c", "c", "a", "b"]
    with pytest.raises(PresetError, match="there are no presets yet"):
        PresetFolder(tmp_path / "none").look().beside("", 1)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PresetError, match="cannot be written"):
        write_preset(tmp_path / "file" / "x.toml", Preset("x", {}))


_SAVE_AND_WAIT = """
import os, sys, time
from pathlib import Path
from avserver.control import preset_file
from avserver.control.presets import Preset

real = {name: getattr(os, name) for name in ("fsync", "replace")}
def wait(*arguments):
    print("now", flush=True)
    time.sleep(60)
setattr(os, sys.argv[2], wait)
preset_file.write_preset(Path(sys.argv[1]), Preset("x", {f"/a/{n}": 2.0 for n in range(10_000)}))
"""


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_crash_in_the_middle_of_a_save_leaves_the_old_file(tmp_path: Path, moment: str):
    folder = PresetFolder(tmp_path)
    old = Preset("x", {f"/a/{number}": 1.0 for number in range(10_000)})
    folder.save(old)
    child = subprocess.Popen(
        [sys.executable, "-c", _SAVE_AND_WAIT, str(tmp_path / "x.toml"), moment], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "now\n"  # all is written, nothing has been put in place
    child.kill()
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()
    assert len(list(tmp_path.iterdir())) == 2, "the unfinished file is there too, hidden"
    assert read_preset(tmp_path / "x.toml") == old
    assert names(folder) == ["x"]


_SAVE_FOR_EVER = """
import sys
from pathlib import Path
from avserver.control.preset_file import write_preset
from avserver.control.presets import Preset

print("now", flush=True)
for turn in range(10**9):
    write_preset(Path(sys.argv[1]), Preset("x", {f"/a/{n}": float(turn) for n in range(1000)}))
"""


def test_a_crash_at_any_moment_leaves_a_whole_file(tmp_path: Path):
    child = subprocess.Popen(
        [sys.executable, "-c", _SAVE_FOR_EVER, str(tmp_path / "x.toml")], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    while not (tmp_path / "x.toml").exists():
        pass
    seen: set[object] = set()
    while len(seen) < 5:
        values = read_preset(tmp_path / "x.toml").values
        assert len(values) == 1000
        assert len(set(values.values())) == 1, "half of one and half of another"
        seen |= set(values.values())
    child.kill()
    child.wait()
    child.stdout.close()
    assert len(read_preset(tmp_path / "x.toml").values) == 1000
