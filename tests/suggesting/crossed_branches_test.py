"""Tests that layers alike that begin two branches are put into the branch where the others of theirs are."""

from estimator_ckpt.suggesting.crossed_branches import crossed
from estimator_ckpt.suggesting.families import Side
from estimator_ckpt.suggesting.layer_kinds import aligned_layers
from tests.suggesting.known_pairs import variables

# The two branches of Inception's first block of 8x8 begin with the same layer.
SHAPES = [
    ('Branch_0/Conv2d_0a_1x1', 'branch3x3_1', (1, 1, 768, 192)),
    ('Branch_0/Conv2d_1a_3x3', 'branch3x3_2', (3, 3, 192, 320)),
    ('Branch_1/Conv2d_0a_1x1', 'branch7x7x3_1', (1, 1, 768, 192)),
    ('Branch_1/Conv2d_0b_1x7', 'branch7x7x3_2', (1, 7, 192, 192)),
    ('Branch_1/Conv2d_0c_7x1', 'branch7x7x3_3', (7, 1, 192, 192)),
    ('Branch_1/Conv2d_1a_3x3', 'branch7x7x3_4', (3, 3, 192, 192)),
]


def pairs_of(sources):
    """Two pairs of layers each of which is in the other's branch, by the names of the sources in SHAPES's order."""
    sides = [
        Side(variables({f'Mixed_7a/{row[n]}/{end}': row[2] for row in SHAPES}))
        for n, end in ((0, 'weights'), (1, 'conv/kernel'))
    ]
    number_of = {row[0]: n for n, row in enumerate(SHAPES)}
    aligned = {n: number_of[source] for n, source in enumerate(sources)}
    return list(crossed(aligned_layers(tuple(sides), aligned)))


def test_first_layers_that_are_in_the_wrong_branch_are_found():
    names = [row[0] for row in SHAPES]
    names[0], names[2] = names[2], names[0]
    [(one, other)] = {
        tuple(sorted((str(a.split), str(b.split)) for a, b in found)) for found in pairs_of(names)
    }
    assert one == ('Mixed_7a/Branch_0/Conv2d_0a_1x1/', 'Mixed_7a/branch7x7x3_1/conv/')
    assert other == ('Mixed_7a/Branch_1/Conv2d_0a_1x1/', 'Mixed_7a/branch3x3_1/conv/')


def test_those_in_their_own_are_not():
    assert not pairs_of([row[0] for row in SHAPES])
