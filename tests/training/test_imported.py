"""Pictures of all kinds of files, taken into datasets by real processes."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avserver.errors import ConfigError
from avserver.training.dataset import Dataset
from avserver.training.foreign import Picture, Refusal, Wish, open_picture
from avserver.training.imported import Entry, import_pictures, names_in
from avserver.training.likeness import Look, Seen
from avserver.training.shards import read_shard, shard_path

BLACK, RED, GREEN, BLUE = (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)
SMALL = Wish(16)


def scene(seed: int, width: int = 40, height: int = 40) -> Image.Image:
    """Return a picture of soft blots, like no other."""
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize((width, height), Image.Resampling.BICUBIC)


def quarters(size_px: int = 64) -> Image.Image:
    """Return red, green above blue, black."""
    image = Image.new("RGB", (2, 2))
    image.putdata([RED, GREEN, BLUE, BLACK])
    return image.resize((size_px, size_px), Image.Resampling.NEAREST)


def corners(path: Path, wish: Wish = SMALL) -> list[tuple[int, ...]]:
    """Open a picture; return the colours in the middle of its quarters."""
    picture = open_picture(path, wish)
    assert isinstance(picture, Picture), picture
    assert picture.pixels.shape == (wish.size_px, wish.size_px, 3)
    low, high = wish.size_px // 4, 3 * wish.size_px // 4
    return [tuple(picture.pixels[y, x].tolist()) for y in (low, high) for x in (low, high)]


def near(got: list[tuple[int, ...]], wanted: list[tuple[int, ...]], tolerance: int) -> bool:
    return bool(np.abs(np.array(got) - np.array(wanted)).max() <= tolerance)


def imported(source: Path, folder: Path, wish: Wish = SMALL, workers: int = 1) -> list[Entry]:
    return import_pictures(source, names_in(source), folder, wish, workers=workers, say=lambda done: None)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif", "a.bmp", "a.gif", "a.jpg", "of another name.txt"])
def test_every_kind_of_file_is_read(tmp_path: Path, name: str) -> None:
    lossless = {"lossless": True} if name.endswith("webp") else {}
    kind = "JPEG" if name.endswith("txt") else None
    quarters().save(tmp_path / name, kind, **lossless)
    exact = name.endswith(("png", "webp", "tif", "bmp", "gif"))
    assert near(corners(tmp_path / name), [RED, GREEN, BLUE, BLACK], 0 if exact else 8)


def test_cmyk_is_ink_on_white(tmp_path: Path) -> None:
    quarters().convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert near(corners(tmp_path / "a.jpg"), [RED, GREEN, BLUE, BLACK], 8)
    quarters().convert("CMYK").save(tmp_path / "a.tif")
    assert near(corners(tmp_path / "a.tif"), [RED, GREEN, BLUE, BLACK], 0)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_become_eight(tmp_path: Path, name: str) -> None:
    grey = np.repeat(np.repeat(np.array([[0, 65535], [32768, 257]], np.uint16), 32, 0), 32, 1)
    Image.fromarray(grey).save(tmp_path / name)
    assert corners(tmp_path / name) == [(0, 0, 0), (255, 255, 255), (128, 128, 128), (1, 1, 1)]


def test_values_without_a_white_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.ones((32, 32), np.float32)).save(tmp_path / "a.tif")
    refusal = open_picture(tmp_path / "a.tif", SMALL)
    assert isinstance(refusal, Refusal)
    assert (refusal.fate, "32-bit" in refusal.about) == ("broken", True)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_as_the_camera_was_held(tmp_path: Path, name: str, orientation: int) -> None:
    # How a picture must lie in the file, for the orientation (EXIF 2.3, tag 0x0112) to bring it upright.
    turns: dict[int, Image.Transpose] = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = quarters()
    lying = image.transpose(turns[orientation]) if orientation in turns else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying.save(tmp_path / name, exif=exif)
    assert near(corners(tmp_path / name), [RED, GREEN, BLUE, BLACK], 24)


def test_of_an_animation_the_first_picture_is_taken(tmp_path: Path) -> None:
    for name in ("a.gif", "a.webp", "a.png"):
        others = [Image.new("RGB", (64, 64), "white"), Image.new("RGB", (64, 64), "grey")]
        quarters().save(tmp_path / name, save_all=True, append_images=others, duration=100)
        assert near(corners(tmp_path / name), [RED, GREEN, BLUE, BLACK], 24)


def test_what_can_be_seen_through_lies_on_black(tmp_path: Path) -> None:
    glass = Image.merge("RGBA", (*Image.new("RGB", (32, 32), "white").split(), Image.new("L", (32, 32), 51)))
    glass.save(tmp_path / "a.png")
    glass.convert("LA").save(tmp_path / "b.png")
    assert corners(tmp_path / "a.png") == corners(tmp_path / "b.png") == [(51, 51, 51)] * 4
    palette = quarters().quantize(4)
    palette.save(tmp_path / "c.png", transparency=palette.getpixel((0, 0)))
    quarters().save(tmp_path / "d.png", transparency=RED)
    assert corners(tmp_path / "c.png") == corners(tmp_path / "d.png") == [BLACK, GREEN, BLUE, BLACK]


def test_a_wide_picture_is_cropped_or_fitted(tmp_path: Path) -> None:
    wide = Image.new("RGB", (96, 32), GREEN)
    wide.paste(quarters(32), (32, 0))
    wide.save(tmp_path / "a.png")
    assert corners(tmp_path / "a.png") == [RED, GREEN, BLUE, BLACK]
    fitted = open_picture(tmp_path / "a.png", Wish(32, "fit"))
    assert isinstance(fitted, Picture)
    assert not fitted.pixels[:10].any()
    assert not fitted.pixels[22:].any()
    assert fitted.pixels[13, 5].tolist() == list(GREEN)


def test_a_photograph_decoded_smaller_is_the_same(tmp_path: Path) -> None:
    scene(1, 1024, 768).save(tmp_path / "a.jpg", quality=95)
    scene(1, 1024, 768).save(tmp_path / "a.png")
    small, whole = open_picture(tmp_path / "a.jpg", SMALL), open_picture(tmp_path / "a.png", SMALL)
    assert isinstance(small, Picture)
    assert isinstance(whole, Picture)
    assert np.abs(small.pixels.astype(int) - whole.pixels).max() <= 6


def test_small_huge_and_broken_files_are_refused_with_a_reason(tmp_path: Path) -> None:
    scene(1, 40, 15).save(tmp_path / "tiny.png")
    assert open_picture(tmp_path / "tiny.png", SMALL) == Refusal("tiny", "40 x 15 px")
    assert isinstance(open_picture(tmp_path / "tiny.png", Wish(16, enlarge=True)), Picture)

    Image.new("1", (1100, 1000)).save(tmp_path / "huge.png")
    assert open_picture(tmp_path / "huge.png", Wish(16, limit_mpx=1)) == Refusal(
        "huge", "1100 x 1000 px, more than 1 Mpx"
    )
    assert isinstance(open_picture(tmp_path / "huge.png", Wish(16, limit_mpx=2)), Picture)
    Image.new("1", (14000, 13000)).save(tmp_path / "bomb.png")  # 26 KB; Pillow would not open it
    assert open_picture(tmp_path / "bomb.png", SMALL) == Refusal("huge", "more than 178 Mpx")

    for name in ("cut.png", "cut.jpg", "cut.tif", "cut.bmp", "cut.gif", "cut.webp"):
        scene(1, 100, 100).save(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        for length in (0, 12, 40, len(whole) // 2):
            (tmp_path / name).write_bytes(whole[:length])
            refusal = open_picture(tmp_path / name, SMALL)
            assert isinstance(refusal, Refusal), (name, length)
            assert refusal.fate == "broken"
            assert refusal.about
    (tmp_path / "notes.txt").write_text("buy milk")
    assert open_picture(tmp_path / "notes.txt", SMALL) == Refusal("broken", "not a picture of a kind that is read here")
    assert open_picture(tmp_path / "gone.png", SMALL) == Refusal("broken", "No such file or directory")


def test_damaged_bytes_never_raise(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for name in ("a.png", "a.jpg", "a.tif", "a.bmp", "a.gif", "a.webp"):
        scene(1).save(tmp_path / name)
        whole = np.frombuffer((tmp_path / name).read_bytes(), np.uint8)
        for _ in range(40):
            damaged = whole.copy()
            damaged[rng.integers(0, min(len(whole), 600), 3)] = rng.integers(0, 256, 3)
            (tmp_path / name).write_bytes(damaged.tobytes())
            open_picture(tmp_path / name, Wish(16, enlarge=True, limit_mpx=1))


def test_every_file_has_its_fate(tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "deeper" / ".hidden").mkdir(parents=True)
    scene(1).save(source / "b.png")
    scene(2).save(source / "c.png")
    scene(3).save(source / "deeper" / "a.png")
    (source / "d copy.png").write_bytes((source / "b.png").read_bytes())
    scene(2).resize((80, 80)).save(source / "deeper" / "smaller.jpg", quality=70)
    scene(1).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(source / "e mirrored.png")
    Image.new("RGB", (20, 20), RED).save(source / "f red.png")
    Image.new("RGB", (20, 20), BLUE).save(source / "g blue.png")
    scene(2).save(source / "h same.bmp")
    scene(4, 8, 8).save(source / "tiny.png")
    (source / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    scene(5).save(source / ".hidden.png")
    scene(5).save(source / "deeper" / ".hidden" / "a.png")
    scene(5).save(tmp_path / "elsewhere.png")
    (source / "link.png").symlink_to(tmp_path / "elsewhere.png")
    (source / "round").symlink_to(source)
    os.mkfifo(source / "pipe.png")

    fates = {entry.file: (entry.fate, entry.about) for entry in imported(source, tmp_path / "out")}
    assert fates.pop("broken.jpg")[0] == "broken"
    assert fates == {
        "b.png": ("taken", "0"),
        "c.png": ("taken", "1"),
        "d copy.png": ("copy", "b.png"),
        "deeper/a.png": ("taken", "2"),
        "deeper/smaller.jpg": ("alike", "c.png"),
        "e mirrored.png": ("taken", "3"),
        "f red.png": ("taken", "4"),
        "g blue.png": ("taken", "5"),
        "h same.bmp": ("alike", "c.png"),
        "tiny.png": ("tiny", "8 x 8 px"),
    }
    with (tmp_path / "out" / "report.csv").open(newline="") as file:
        reported = {line["file"]: line["fate"] for line in csv.DictReader(file)}
    assert reported == {name: fate for name, (fate, _) in fates.items()} | {"broken.jpg": "broken"}
    samples = list(read_shard(shard_path(tmp_path / "out", 0)))
    assert [sample.facts["file"] for sample in samples] == [name for name in fates if fates[name][0] == "taken"]
    dataset = Dataset(tmp_path / "out")
    assert (dataset.count, dataset.size_px, dataset.skipped) == (6, 16, ())

    loose = imported(source, tmp_path / "loose", Wish(16, near_bits=0))
    assert [entry.fate for entry in loose if entry.file in {"d copy.png", "h same.bmp"}] == ["copy", "taken"]


def test_looks_are_found_among_thousands() -> None:
    seen = Seen(near_bits=4)
    looks = [Look(bits << 16, (0, 0, 0)) for bits in np.random.default_rng(1).integers(0, 1 << 47, 3000).tolist()]
    for number, look in enumerate(looks):
        seen.add(str(number), f"sha {number}", look)
    for number in (0, 1023, 1024, 2999):
        assert seen.alike(Look(looks[number].bits | 0b1111, (12, 0, 0))) == str(number)
        assert seen.alike(Look(looks[number].bits | 0b11111, (0, 0, 0))) is None
        assert seen.alike(Look(looks[number].bits, (13, 0, 0))) is None
    assert len(seen) == 3000


def test_looks_are_written_and_read_again() -> None:
    look = Look.of(np.asarray(scene(1)))
    assert Look.parse(str(look)) == look
    white = Look.of(np.full((16, 16, 3), 255, np.uint8))
    assert white.bits == Look.of(np.zeros((16, 16, 3), np.uint8)).bits  # which is why the colour counts, too
    assert white.colour == (255, 255, 255)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 150 pictures, a copy and a look-alike at its end, and bad ones between."""
    source = tmp_path_factory.mktemp("many")
    for number in range(150):
        scene(number, 24, 20).save(source / f"{number:03d}.png")
        if number % 50 == 9:
            (source / f"{number:03d} bad.png").write_bytes(b"bad")
    (source / "copy.png").write_bytes((source / "003.png").read_bytes())
    scene(4, 48, 40).save(source / "like.png")
    (source / os.fsdecode(b'na\xefve,\n"1".png')).write_bytes(b"bad")
    return source


@pytest.fixture(scope="module")
def whole(many: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the dataset of them, made in one go."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    assert [entry.fate for entry in imported(many, folder)].count("taken") == 150
    return folder


def test_the_number_of_workers_changes_nothing(many: Path, whole: Path, tmp_path: Path) -> None:
    entries = imported(many, tmp_path / "out", workers=2)
    assert {entry.file: entry.about for entry in entries if entry.fate in {"copy", "alike"}} == {
        "copy.png": "003.png",
        "like.png": "004.png",
    }
    assert bytes_of(tmp_path / "out") == bytes_of(whole)
    assert sorted(bytes_of(whole)) == ["dataset.json", "report.csv", "shard-00000.tar", "shard-00001.tar"]


@pytest.mark.parametrize(("stop_at", "kept"), [(100, 0), (140, 131)])
def test_an_import_that_was_broken_off_goes_on(
    many: Path, whole: Path, tmp_path: Path, stop_at: int, kept: int
) -> None:
    folder, names = tmp_path / "out", names_in(many)

    def stop(done: int) -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_pictures(many, names, folder, SMALL, workers=1, say=stop)
    (folder / "shard-00001.unfinished").write_bytes(b"half")
    with (folder / "report.csv").open("a") as report:
        report.write('131.png,"tak')
    said: list[int] = []
    import_pictures(many, names, folder, SMALL, workers=1, say=said.append)
    assert (said[0], said[-1]) == (kept, len(names))  # 128 pictures and the three bad files between them
    assert bytes_of(folder) == bytes_of(whole)


def test_shards_that_are_gone_are_made_again(many: Path, whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    imported(many, folder)
    shard_path(folder, 0).unlink()
    imported(many, folder)
    assert bytes_of(folder) == bytes_of(whole)


def test_a_report_of_another_order_is_not_gone_by(many: Path, whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    imported(many, folder)
    titles, first, second, *rest = (folder / "report.csv").read_bytes().splitlines(keepends=True)
    (folder / "report.csv").write_bytes(b"".join([titles, second, first, *rest]))
    imported(many, folder)
    assert bytes_of(folder) == bytes_of(whole)


def test_what_cannot_be_imported_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "in"
    with pytest.raises(ConfigError, match="not a folder of pictures"):
        imported(source, tmp_path / "out")
    source.mkdir()
    with pytest.raises(ConfigError, match="has no files"):
        imported(source, tmp_path / "out")
    (source / "a.png").write_bytes(b"bad")
    with pytest.raises(ConfigError, match="outside of it"):
        imported(source, source / "out")
    with pytest.raises(ConfigError, match=r"no file of .* can be taken: 1 broken"):
        imported(source, tmp_path / "out")
    scene(1).save(source / "b.png")
    with pytest.raises(ConfigError, match="holds another dataset"):
        imported(source, tmp_path / "out")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"size_px": 8}, "16 to 2048 px wide, got 8"),
        ({"shape": "corp"}, "did you mean 'crop'"),
        ({"limit_mpx": 0}, "1 to 178 Mpx, got 0"),
        ({"near_bits": 17}, "0 to 16 of 64 bits, got 17"),
    ],
)
def test_wishes_that_cannot_be_are_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Wish(**wrong)


def test_the_command_imports_and_sums_up(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    scene(1).save(tmp_path / "in" / "a.png")
    for name in "bcde":
        (tmp_path / "in" / f"{name}.png").write_bytes(b"bad")
    command = [sys.executable, "-m", "avserver", "dataset", "import", str(tmp_path / "in"), str(tmp_path / "out")]
    done = subprocess.run([*command, "--size", "32", "--workers", "1"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"1 pictures of 32 px in {tmp_path / 'out'}, of 5 files; report.csv there tells of each\n"
        "  4 broken: 'b.png', 'c.png', 'd.png' …\n"
    )
    done = subprocess.run([*command, "--workers", "0"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "avserver: --workers is a number from 1 to 1024, got 0\n")
