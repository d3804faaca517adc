"""Configured layers and keeps on a model of some depth and an image of some tokens."""

from infohorizon.units import layer_of, layers_of, tokens_of


def test_layers():
    assert layers_of("all", 4) == [0, 1, 2, 3]
    assert layers_of("all", 4, first=1) == [1, 2, 3]
    assert layers_of([3, 0.25, 0.3, 1], 8) == [1, 2, 3]
    assert [layer_of(layer, 32) for layer in (0.03125, 0.0625, 0.625, 20)] == [1, 2, 20, 20]
    assert [layer_of(0.97, depth) for depth in (2, 8, 30)] == [1, 7, 29]  # a fraction is never beyond the last layer


def test_tokens():
    assert [tokens_of(keep, 576) for keep in (0.125, 0.0001, 600, 3, 0)] == [72, 1, 576, 3, 0]


def test_halves_are_rounded_up_as_they_are_written():
    """0.29 × 50 is 14.499999999999998 in binary."""
    assert [tokens_of(keep, count) for keep, count in ((0.29, 50), (0.35, 90), (0.25, 2), (0.1, 4))] == [15, 32, 1, 1]
    assert [layer_of(0.35, 90), layer_of(0.29, 50), layer_of(0.1, 5)] == [32, 15, 1]
