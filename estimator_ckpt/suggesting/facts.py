"""What is known of two sides before any of their variables are aligned."""

import functools
from collections.abc import Mapping

from estimator_ckpt.suggesting.blocks import corresponding_blocks
from estimator_ckpt.suggesting.chains import in_order
from estimator_ckpt.suggesting.connected import Links, links_of
from estimator_ckpt.suggesting.copies import is_of_target
from estimator_ckpt.suggesting.families import Layer, Side
from estimator_ckpt.suggesting.layer_kinds import main_number
from estimator_ckpt.suggesting.modules import corresponding, whole_networks
from estimator_ckpt.suggesting.namesakes import Namesakes
from estimator_ckpt.suggesting.resolutions import Resolutions
from estimator_ckpt.suggesting.surroundings import Surroundings
from estimator_ckpt.suggesting.tracked_order import TrackedOrder
from estimator_ckpt.suggesting.units import counted_norms, partners, unsure


class Facts:
    """Facts about two sides, each of which is worked out when it is first asked for: where names tell all, none is.

    Attributes:
      known: The source of each variable of the target that is known, by their numbers.
    """

    def __init__(self, source: Side, target: Side, known: Mapping[int, int]):
        """Works nothing out yet.

        Args:
          source: The source.
          target: The target.
          known: The source of each variable of the target that is known, by their numbers.
        """
        self._source, self._target, self.known = source, target, known

    @functools.cached_property
    def namesakes(self) -> Namesakes:
        """The layers whose names say the same."""
        return Namesakes(self._source, self._target)

    @functools.cached_property
    def tracked_order(self) -> TrackedOrder:
        """Where the order in which Keras tracks layers may not be that of the other side."""
        return TrackedOrder(self._source, self._target)

    @functools.cached_property
    def norms(self) -> list[dict[int, Layer]]:
        """The normalization of each convolution of each side, by the number of its main variable."""
        return [partners(side) for side in (self._source, self._target)]

    @functools.cached_property
    def convolutions(self) -> list[dict[int, int]]:
        """The number of the convolution of each normalization of each side, by those of its variables."""
        # Only one side may have scales, so that the main variables differ.
        return [
            {
                variable.number: convolution
                for convolution, norm in norms.items()
                for variable in norm.variables.values()
            }
            for norms in self.norms
        ]

    @functools.cached_property
    def counted(self) -> list[set[int]]:
        """The normalizations of each side of which only a number says where they belong."""
        return [counted_norms(side) for side in (self._source, self._target)]

    @functools.cached_property
    def unsure(self) -> list[set[int]]:
        """The normalizations of each side whose places differ between orders of the same network."""
        return [unsure(in_order(side)) for side in (self._source, self._target)]

    @functools.cached_property
    def of_target(self) -> list[set[int]]:
        """The variables of the target networks of each side; of none if only one side has any."""
        found = [
            {variable.number for variable in side.variables if is_of_target(variable.names)}
            for side in (self._source, self._target)
        ]
        return found if all(found) else [set(), set()]

    @functools.cached_property
    def kernels(self) -> list[dict[int, int]]:
        """The number of the kernel of each bias of each side, by that of the bias."""
        return [
            {
                layer.variables['bias'].number: main_number(layer)
                for layer in side.layers()
                if 'bias' in layer.variables and layer.main_role != 'bias'
            }
            for side in (self._source, self._target)
        ]

    @functools.cached_property
    def resolutions(self) -> Resolutions:
        """Where resolutions in names may count down against the numbers of the other side."""
        return Resolutions(self._source, self._target)

    @functools.cached_property
    def surroundings(self) -> tuple[Surroundings, Surroundings]:
        """The layers around each layer of each side."""
        return Surroundings(self._source), Surroundings(self._target)

    @functools.cached_property
    def links(self) -> tuple[Links, Links]:
        """The layers right before and right after others of each side."""
        return links_of(self._source), links_of(self._target)

    @functools.cached_property
    def modules(self) -> list[tuple[set[int], set[int]]]:
        """The numbers of the variables of parts that correspond, such as the generators of GANs."""
        return [(a.numbers(), b.numbers()) for a, b in corresponding(self._source, self._target, self.known)]

    @functools.cached_property
    def blocks(self) -> list[tuple[set[int], set[int]]]:
        """The numbers of the variables of blocks that correspond."""
        return [(a.numbers(), b.numbers()) for a, b in corresponding_blocks(self._source, self._target)]

    @functools.cached_property
    def networks(self) -> list[tuple[set[int], set[int]]]:
        """The numbers of all variables of both sides, if they are surely the same network."""
        return [(a.numbers(), b.numbers()) for a, b in whole_networks(self._source, self._target)]
