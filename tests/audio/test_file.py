from pathlib import Path

import av
import numpy as np
import pytest
from songs import FORMATS, sweep, write_film_without_sound, write_song

from avserver.audio.catalogue import DEMO_FILE, open_source
from avserver.audio.file import FileSource
from avserver.audio.source import SilentSource
from avserver.errors import AudioError


def all_of(source, step_s=0.1):
    blocks = []
    while not source.ended:
        blocks.append(source.read((len(blocks) + 1) * step_s))
    return np.concatenate(blocks)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_heard_as_it_was_written(tmp_path, name):
    codec, rate = FORMATS[name]
    sound = sweep(2.0, rate)
    channels = np.stack([sound, sound]) if codec == "vorbis" else sound[None]
    with FileSource(write_song(tmp_path / name, channels, codec, rate)) as source:
        heard = all_of(source)
    expected = sweep(2.0)
    assert np.corrcoef(heard[2000:86_000], expected[2000:86_000])[0, 1] > 0.997
    # What the encoders of mp3 and m4a put around a song is gone to within 5 ms.
    assert np.flatnonzero(np.abs(heard) > 1e-3)[-1] == pytest.approx(expected.size, abs=250)
    assert source.bad_packets == 0


def test_channels_are_mixed_to_their_mean(tmp_path):
    one, other = sweep(0.5), np.full(22_050, 0.25, np.float32)
    for count in (2, 6):
        channels = np.stack([one] + [other] * (count - 1))
        source = FileSource(write_song(tmp_path / f"{count}.wav", channels))
        np.testing.assert_allclose(source.read(0.5), channels.mean(axis=0), atol=1e-4)


def test_the_size_of_the_steps_makes_no_difference(tmp_path):
    song = write_song(tmp_path / "song.flac", sweep(1.0, 48_000)[None], "flac", 48_000)
    steps = [all_of(FileSource(song), step_s) for step_s in (0.004, 1 / 30, 1.0)]
    for heard in steps:
        np.testing.assert_array_equal(heard[:44_000], steps[0][:44_000])


def test_a_loop_has_no_seam(tmp_path):
    sound = sweep(0.5)
    source = FileSource(write_song(tmp_path / "song.wav", sound[None], "pcm_f32le"), loop=True)
    np.testing.assert_array_equal(source.read(2.0), np.tile(sound, 4))
    assert not source.ended


def test_a_loop_that_is_resampled_has_no_seam(tmp_path):
    t = np.arange(24_000) / 48_000
    tone = (0.5 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)  # 220 whole periods
    source = FileSource(write_song(tmp_path / "song.wav", tone[None], "pcm_f32le", 48_000), loop=True)
    heard = source.read(3.0)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(heard.size) / 44_100)
    np.testing.assert_allclose(heard[100:], expected[100:], atol=2e-3)


def test_a_long_loop_leaves_no_file_open(tmp_path):
    source = FileSource(write_song(tmp_path / "song.wav", sweep(0.2)[None]), loop=True)
    source.read(1.0)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for second in range(2, 60):
        source.read(second)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_the_show_can_begin_in_the_middle(tmp_path):
    sound = sweep(1.0)
    song = write_song(tmp_path / "song.wav", sound[None], "pcm_f32le")
    source = FileSource(song, start_s=0.75, loop=True)
    np.testing.assert_array_equal(source.read(1.0), np.concatenate([sound[33_075:], sound[:33_075]]))


@pytest.mark.parametrize("name", FORMATS)
def test_a_position_that_is_sought_is_found(tmp_path, name):
    codec, rate = FORMATS[name]
    sound = sweep(4.0, rate)
    channels = np.stack([sound, sound]) if codec == "vorbis" else sound[None]
    with FileSource(write_song(tmp_path / name, channels, codec, rate)) as source:
        source.read(0.5)
        for position_s in (2.5, 0.0, 1.2345):  # ahead, to the beginning, back
            start = source.samples_read
            source.seek(position_s)
            heard = source.read((start + 8820) / 44_100)
            assert source.samples_read == start + 8820, "show time went on"
            at = round(position_s * 44_100)
            expected = sweep(4.0)[at : at + 8820]
            assert source.position_s == pytest.approx(position_s + 0.2, abs=1e-4)
            # The sweep tells times apart: where it is highest, 20 samples are half a period.
            shifts = [np.corrcoef(heard[500 + d : 8000 + d], expected[500:8000])[0, 1] for d in range(-20, 21)]
            assert max(shifts) > 0.99
            assert abs(int(np.argmax(shifts)) - 20) <= 3


def test_past_the_end_lies_silence_and_one_can_come_back(tmp_path):
    sound = sweep(1.0)
    song = write_song(tmp_path / "song.wav", sound[None], "pcm_f32le")
    source = FileSource(song)
    source.seek(100.0)
    assert np.all(source.read(0.5) == 0)
    assert source.ended
    source.seek(0.25)
    np.testing.assert_array_equal(source.read(1.0), sound[11_025:33_075])
    looped = FileSource(song, loop=True)
    looped.seek(100.0)
    np.testing.assert_array_equal(looped.read(0.25), sound[:11_025])
    looped.seek(0.75)
    np.testing.assert_array_equal(looped.read(1.0)[:22_050], np.concatenate([sound[33_075:], sound[:11_025]]))
    assert looped.position_s == pytest.approx(0.5)


def test_a_song_that_is_taken_away_before_a_seek_falls_silent(tmp_path):
    song = write_song(tmp_path / "song.wav", sweep(1.0)[None])
    source = FileSource(song)
    source.read(0.2)
    song.unlink()
    source.seek(0.5)
    assert np.all(source.read(0.4) == 0)
    assert source.status() == {"position_s": 0.5, "bad_packets": 1}


@pytest.mark.parametrize("position_s", [-1.0, float("nan"), float("inf")])
def test_a_position_that_is_none_is_refused(tmp_path, position_s):
    source = FileSource(write_song(tmp_path / "song.wav", sweep(1.0)[None]))
    with pytest.raises(AudioError, match="a position is a number of seconds from 0 up"):
        source.seek(position_s)
    with pytest.raises(AudioError, match="only songs have them"):
        SilentSource().seek(1.0)


def test_reset_begins_again(tmp_path):
    source = FileSource(write_song(tmp_path / "song.ogg", sweep(1.0, 48_000)[None], "libopus", 48_000))
    first = source.read(0.7)
    source.reset()
    np.testing.assert_array_equal(source.read(0.7), first)


def test_a_single_sample_is_a_song(tmp_path):
    song = write_song(tmp_path / "one.wav", np.full((1, 1), 0.5, np.float32))
    heard = FileSource(song).read(0.01)
    assert heard[0] == pytest.approx(0.5, abs=1e-3)
    assert np.all(heard[1:] == 0)
    with pytest.raises(AudioError, match=r"cannot loop .* at least 0\.1 s"):
        FileSource(song, loop=True)


def test_what_is_not_a_number_becomes_silence(tmp_path):
    sound = sweep(0.2)
    sound[1000:1010] = np.nan
    sound[2000] = np.inf
    sound[3000] = 1e30
    heard = FileSource(write_song(tmp_path / "nan.wav", sound[None], "pcm_f32le")).read(0.2)
    assert np.all(heard[1000:1010] == 0)
    assert heard[2000] == 0
    assert heard[3000] == 1
    assert np.isfinite(heard).all()


@pytest.mark.parametrize(("name", "codec"), [("song.flac", "flac"), ("song.mp3", "libmp3lame"), ("song.m4a", "aac")])
def test_damage_in_the_middle_does_not_end_the_song(tmp_path, name, codec):
    song = write_song(tmp_path / name, sweep(5.0)[None], codec)
    damaged = bytearray(song.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 2000] = bytes(range(250)) * 8
    song.write_bytes(damaged)
    source = FileSource(song)
    heard = all_of(source)
    assert np.isfinite(heard).all()
    assert heard.size > 4 * 44_100
    assert np.corrcoef(heard[4410:44_100], sweep(5.0)[4410:44_100])[0, 1] > 0.99
    if codec == "aac":  # the decoders of the others find their way back without a word
        assert source.bad_packets > 0


def test_a_truncated_song_plays_as_far_as_it_goes(tmp_path):
    song = write_song(tmp_path / "song.flac", sweep(5.0)[None], "flac")
    song.write_bytes(song.read_bytes()[:60_000])
    heard = all_of(FileSource(song))
    assert np.count_nonzero(heard) > 20_000


def test_a_song_that_is_taken_away_while_it_loops_falls_silent(tmp_path):
    song = write_song(tmp_path / "song.wav", sweep(0.5)[None])
    source = FileSource(song, loop=True)
    source.read(0.3)
    song.unlink()
    assert np.all(source.read(2.0)[-44_100:] == 0)
    assert source.ended
    assert source.bad_packets == 1


def text(path):
    path.write_text("This is not a song.\n" * 200)


def empty(path):
    path.touch()


def missing(path):
    pass


def directory(path):
    path.mkdir()


def truncated(path):
    write_song(path, sweep(1.0)[None], "aac")
    path.write_bytes(path.read_bytes()[:3000])  # an m4a has its table of contents at the end


def film(path):
    write_film_without_sound(path)


def nothing_in_it(path):
    write_song(path, sweep(0.1)[None])
    path.write_bytes(path.read_bytes()[:78])  # the header of a wav


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (text, "song.mp3"), (text, "song.wav"), (empty, "song.ogg"), (missing, "song.wav"), (directory, "song.wav"),
        (truncated, "song.m4a"), (film, "film.mp4"), (nothing_in_it, "song.wav"),
    ],
)  # fmt: skip
def test_what_is_not_a_song_is_refused_in_one_sentence(tmp_path, make, name):
    path = tmp_path / name
    make(path)
    with pytest.raises(AudioError) as refusal:
        open_source(str(path))
    message = str(refusal.value)
    assert message.startswith(f"cannot play {str(path)!r}: ")
    assert message.endswith("allowed are wav, flac, ogg, mp3, m4a files")
    assert "\n" not in message


def test_a_playlist_is_not_followed(tmp_path):
    write_song(tmp_path / "song.m4a", sweep(1.0)[None], "aac")
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsong.m4a\n#EXT-X-ENDLIST\n")
    with pytest.raises(AudioError, match="cannot play"):
        FileSource(playlist)


@pytest.mark.parametrize(("level", "told"), [(0.0, "nothing but zeros"), (2e-5, "-94 dBFS")])
def test_a_silent_song_is_refused_with_its_peak(tmp_path, level, told):
    hiss = level * np.random.default_rng(1).choice([-1, 1], (1, 44_100)).astype(np.float32)
    song = write_song(tmp_path / "silent.wav", hiss, "pcm_f32le")
    with pytest.raises(AudioError, match=rf"is silent: its peak in 1\.0 s is {told}; .*-90 dBFS"):
        FileSource(song)


def test_a_quiet_song_is_not_a_silent_one(tmp_path):
    sound = np.zeros((1, 3 * 44_100), np.float32)
    sound[0, -100:] = 1e-4
    FileSource(write_song(tmp_path / "quiet.wav", sound, "pcm_f32le"), loop=True)


@pytest.mark.parametrize(("start_s", "told"), [(3.0, r"ends at 1\.0 s"), (-1.0, "0 s or more"), (float("nan"), "0 s")])
def test_a_start_that_is_not_in_the_song_is_refused(tmp_path, start_s, told):
    song = write_song(tmp_path / "song.wav", sweep(1.0)[None])
    with pytest.raises(AudioError, match=told):
        FileSource(song, start_s=start_s)


def test_names():
    assert isinstance(open_source("none"), SilentSource)
    demo = open_source("demo", loop=True)
    assert isinstance(demo, FileSource)
    assert demo.path == DEMO_FILE


def test_ffmpeg_does_not_talk_to_the_terminal(tmp_path, capfd):
    path = tmp_path / "song.mp3"
    text(path)
    with pytest.raises(AudioError):
        FileSource(path)
    assert capfd.readouterr().err == ""
    assert av.logging.get_level() is None
