import numpy as np

from avserver.scene.lasting_order import LastingOrder


def piece(shares, duration_s, order=None, start_s=0.0, fps=10):
    """Return the order after a piece with those shares, by pitch class, in random turns, and how often it changed."""
    order = order or LastingOrder()
    classes, weights = zip(*shares.items(), strict=True)
    rng = np.random.default_rng(1)
    changes = 0
    for frame in range(round(duration_s * fps)):
        if frame % fps == 0:
            chroma = np.full(12, 0.02)
            chroma[rng.choice(classes, p=weights)] += 0.76
        before = list(order.classes)
        order.update(chroma, start_s + frame / fps)
        changes += before != order.classes
    return order, changes


def test_what_a_piece_has_most_of_comes_first():
    order, _ = piece({9: 0.5, 4: 0.3, 2: 0.2}, 120.0)
    assert order.classes[:3] == [9, 4, 2]
    assert sorted(order.classes) == list(range(12))


def test_places_last():
    order, _ = piece({9: 0.5, 4: 0.3, 2: 0.2}, 120.0)
    _, changes = piece({9: 0.5, 4: 0.3, 2: 0.2}, 300.0, order, 120.0)
    assert changes <= 2
    alike = LastingOrder()
    piece({0: 0.5, 7: 0.5}, 60.0, alike)
    assert piece({0: 0.5, 7: 0.5}, 300.0, alike, 60.0)[1] == 0  # what is as much as its neighbour stays behind it


def test_another_key_takes_over_in_time():
    order, _ = piece({9: 1.0}, 120.0)
    order, _ = piece({3: 1.0}, 240.0, order, 120.0)
    assert order.classes[0] == 3


def test_frames_make_no_difference_and_reset_forgets():
    slow, _ = piece({9: 0.5, 4: 0.3, 2: 0.2}, 60.0, fps=10)
    fast, _ = piece({9: 0.5, 4: 0.3, 2: 0.2}, 60.0, fps=60)
    assert slow.classes == fast.classes
    slow.reset()
    assert slow.classes == list(range(12))
