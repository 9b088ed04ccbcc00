"""Facts: what of a show's settings a take knows, so that it can be played again as it was."""

from pathlib import Path

from avserver.config import DEFAULT, Show, change, is_bundled_mapping
from avserver.take.reader import Take


def facts_of(show: Show, size: tuple[int, int], sample_rate: int) -> dict[str, object]:
    """Return what a take is to know of a show.

    Args:
        show: its settings.
        size: (width, height) of its frames in px.
        sample_rate: of its sound (Hz).
    """
    return {
        "fps": show.frame.fps,
        "width_px": size[0],
        "height_px": size[1],
        "sample_rate": sample_rate,
        "audio": show.audio.source,
        "model": _whole(show.model.path),
        "also": [_whole(name) for name in show.model.also],
        "partner": _whole(show.model.partner) if show.model.partner else "",
        "wide": show.model.wide,
        "luts": [_whole(name) for name in show.grade.luts],
        "mapping": [
            name if is_bundled_mapping(name) else _whole(name) for name in (show.mapping.path, *show.mapping.also)
        ],
    }


def as_it_was(show: Show, take: Take) -> Show:
    """Return a show with the frames, the models, the looks and the mapping that a take was made with."""
    facts = take.settings
    mapping = tuple(facts["mapping"])
    width_px, height_px = take.size
    show = change(show, "audio", loop=False)
    show = change(show, "frame", fps=take.fps, width_px=width_px, height_px=height_px)
    show = change(show, "model", path=facts["model"], also=tuple(facts["also"]), partner=facts["partner"])
    show = change(show, "model", wide=facts["wide"])
    show = change(show, "grade", luts=tuple(facts.get("luts", ())))
    return change(show, "mapping", path=mapping[0], also=mapping[1:])


def _whole(name: str) -> str:
    return name if name == DEFAULT else str(Path(name).absolute())
