import pytest

from avserver.channels import Cluster, Random, Ranges, parse_channels
from avserver.errors import ModelError


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("all", Ranges()),
        ("5", Ranges(((5, 5),))),
        ("0-31", Ranges(((0, 31),))),
        (" 0 - 3, 8,10-10 ", Ranges(((0, 3), (8, 8), (10, 10)))),
        ("random 0.25 seed 7", Random(0.25, 7)),
        ("random 1 seed 0", Random(1.0, 0)),
        ("cluster 2 of 5", Cluster(2, 5)),
    ],
)
def test_what_a_person_writes(text, meant):
    assert parse_channels(text) == meant


@pytest.mark.parametrize(
    "text",
    ["", "none", "3-1", "-1", "0-31,", "random 0 seed 1", "random 1.5 seed 1", "cluster 0 of 5", "cluster 6 of 5"],
)
def test_what_says_nothing_is_refused(text):
    with pytest.raises(ModelError, match=r"channels takes 'all', '0-31', .* got "):
        parse_channels(text)
