"""Deltas: what of some plain data is another than it was. Most of a frame is as in the one before."""

from typing import Any

# Lists, dicts with texts for keys, numbers, texts, bools and None, as JSON has them.
Plain = Any

_SAME = object()


def delta(before: Plain, after: Plain) -> Plain:
    """Return what `patched` makes `after` of `before`, a dict or a list, by. {} changes nothing.

    Of dicts, and of lists of the same length, it is a dict of what changed, by key or by place;
    all else is replaced as a whole. Keys never vanish, and a list never becomes a dict.
    """
    changed = _changed(before, after)
    return {} if changed is _SAME else changed


def patched(before: Plain, change: Plain) -> Plain:
    """Return `before` with a change made; `before` stays as it is."""
    if not isinstance(change, dict) or not isinstance(before, (dict, list)):
        return change
    if isinstance(before, list):
        after = list(before)
        for place, part in change.items():
            after[int(place)] = patched(before[int(place)], part)
        return after
    return {**before, **{key: patched(before.get(key), part) for key, part in change.items()}}


def _changed(before: Plain, after: Plain) -> Plain:
    """Return what is other in `after`, as `delta` does, or _SAME."""
    if isinstance(before, dict) and isinstance(after, dict):
        parts = {key: part for key in after if (part := _changed(before.get(key, _SAME), after[key])) is not _SAME}
        return parts or _SAME
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        places = {str(i): part for i, part in enumerate(map(_changed, before, after)) if part is not _SAME}
        # Of numbers that all changed, places would only take room.
        whole = len(places) == len(after) and not any(isinstance(part, (dict, list)) for part in places.values())
        return (after if whole else places) or _SAME
    # 1, 1.0 and True are equal, but do not look the same in JSON.
    return _SAME if type(before) is type(after) and before == after else after
