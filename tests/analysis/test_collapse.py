"""The collapse layer: the input after the largest drop of one layer."""

import pytest

from infohorizon.analysis.collapse import collapse_layer


@pytest.mark.parametrize(
    ("entropy", "layer"),
    [
        ({0: 0.9, 1: 0.88, 2: 0.5, 3: 0.45}, 2),
        ({3: 0.45, 2: 0.5, 0: 0.9, 1: 0.88}, 2),  # in whatever order
        ({0: 0.9, 8: 0.5, 9: 0.4}, 9),  # 0.05 a layer, then 0.1
        ({0: 0.9, 1: 0.7, 2: 0.5}, 1),  # equal drops: the first
        ({0: 0.9, 1: 0.95, 2: 0.9}, 2),
        ({0: 0.9, 1: 0.95, 2: 0.94}, None),  # not sharp
        ({0: 0.5, 1: 0.5, 2: 0.6}, None),
        ({4: 0.5}, None),
        ({}, None),
    ],
)
def test_collapse_layer(entropy, layer):
    assert collapse_layer(entropy) == layer


def test_what_counts_as_sharp_is_a_choice():
    assert collapse_layer({0: 0.9, 1: 0.95, 2: 0.94}, least=0.005) == 2
