"""The strobe limiter, watched by a flash counter that is written from the guideline and not from the limiter."""

import numpy as np
import pytest

from avserver.generator.strobe import StrobeLimiter

FPS = 30
PX = 48


def luminance(pixels):
    """Relative luminance of every pixel, as WCAG 2.2 defines it."""
    c = pixels / 255
    light = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return light @ [0.2126, 0.7152, 0.0722], light @ [1, -1, -1]


def changes(levels, least, dark):
    """Return the frames at which a level has turned and gone by `least`, the darker end lying below `dark`."""
    found, extremes = [], [levels[0], levels[0]]
    direction = 0
    for i, level in enumerate(levels):
        extremes = [min(extremes[0], level), max(extremes[1], level)]
        if direction != 1 and level - extremes[0] >= least and extremes[0] < dark:
            found.append(i)
            direction, extremes = 1, [level, level]
        elif direction != -1 and extremes[1] - level >= least and level < dark:
            found.append(i)
            direction, extremes = -1, [level, level]
        elif direction == 1:
            extremes[0] = extremes[1]
        elif direction == -1:
            extremes[1] = extremes[0]
    return found


def most_flashes(frames, fps=FPS, parts=4):
    """Return the most flashes in any second in any of `parts` by `parts` fields, general and red."""
    both = np.array([luminance(frame) for frame in frames])
    both[:, 1] = np.maximum(both[:, 1], 0)
    size = frames[0].shape[0] // parts
    fields = both.reshape(len(frames), 2, parts, size, parts, size).mean(axis=(3, 5))
    worst = 0
    for row, column in np.ndindex(parts, parts):
        for kind, (least, dark) in enumerate([(0.1, 0.8), (20 / 320, np.inf)]):
            at = np.array(changes(fields[:, kind, row, column].tolist(), least, dark))
            worst = max([worst, *(np.sum((at >= i) & (at < i + fps)) // 2 for i in at)])
    return worst


def limited(frames, fps=FPS):
    limiter = StrobeLimiter()
    return [limiter(frame, i / fps) for i, frame in enumerate(frames)]


def plain(*colours):
    return [np.full((PX, PX, 3), colour, np.uint8) for colour in colours]


def alternating(seconds, *frames):
    return [frames[i % len(frames)] for i in range(int(seconds * FPS))]


def quarters(pattern):
    """A picture whose mean never changes: its quarters flash against each other."""
    return np.kron(np.array(pattern)[:, :, None], np.full((PX // 2, PX // 2, 3), 255)).astype(np.uint8)


def noisy(rng):
    return rng.integers(0, 256, (PX, PX, 3), np.uint8) // 2 + np.uint8(rng.choice([0, 127]))


RNG = np.random.default_rng(0)
FLASHING = {
    "black and white": alternating(3, *plain(0, 255)),
    "slower": alternating(3, *plain(0, 0, 255, 255)),
    "greys": alternating(3, *plain(100, 160)),
    "quarters": alternating(3, quarters([[1, 0], [0, 1]]), quarters([[0, 1], [1, 0]])),
    "red": alternating(3, *plain((120, 0, 0), (0, 0, 0))),
    "at random": [noisy(RNG) for _ in range(3 * FPS)],
}


@pytest.mark.parametrize("name", FLASHING)
def test_what_flashes_is_held_to_three_a_second(name):
    frames = FLASHING[name]
    assert most_flashes(frames) > 3
    assert most_flashes(limited(frames)) <= 3


def test_what_does_not_flash_too_often_is_left_as_it_is():
    steps = np.arange(3 * FPS)
    slow = plain(*(127 + 127 * np.sin(2 * np.pi * steps / FPS)).astype(int))
    cuts = plain(*np.where(steps // FPS % 2, 255, 0))
    flicker = plain(*np.where(steps % 2, 128, 120))
    bright = plain(*np.where(steps % 2, 255, 235))
    for frames in (slow, cuts, flicker, bright):
        assert most_flashes(frames) <= 3
        np.testing.assert_array_equal(limited(frames), frames)


def test_the_picture_still_moves_while_it_is_held_back():
    shown = limited(FLASHING["black and white"])
    assert len({int(frame[0, 0, 0]) for frame in shown[FPS // 2 : FPS]}) > 1


def test_it_catches_up_when_the_flashing_ends():
    frames = alternating(2, *plain(0, 255)) + plain(*[0] * (2 * FPS))
    np.testing.assert_array_equal(limited(frames)[-1], frames[-1])


def test_it_begins_again_when_time_or_size_does():
    limiter = StrobeLimiter()
    for i, frame in enumerate(FLASHING["black and white"][:FPS]):
        limiter(frame, i / FPS)
    black, white = plain(0, 255)
    for t_s, frame in ((0.0, white), (0.1, black), (0.2, np.zeros((32, 64, 3), np.uint8)), (0.3, white)):
        assert limiter(frame, t_s) is frame
