"""Pairs for a second blind test: what people restore, by names from public repositories; see also `blind_pairs`.

They were written without a look at what the search finds of them. Each pair says which repository each side follows.
When they were first measured, their mean recall was 0.62, and five had wrong proposals. What the search missed of the
pairs of `TUNED` was looked at then.
"""

from collections.abc import Callable

from tests.suggesting import (
    unseen_agents,
    unseen_image_networks,
    unseen_scene_networks,
    unseen_sequence_networks,
)
from tests.suggesting.known_pairs import Pair

TUNED: dict[str, Callable[[], Pair]] = {
    'pre_activation_resnet': unseen_image_networks.pre_activation_resnet,
    'esrgan': unseen_scene_networks.esrgan,
    'style_transfer': unseen_scene_networks.style_transfer,
    'leela_zero': unseen_agents.leela_zero,
    'soft_actor_critic': unseen_agents.soft_actor_critic,
    'graph_network': unseen_agents.graph_network,
    'deep_and_cross': unseen_agents.deep_and_cross,
    'conv_bert': unseen_sequence_networks.conv_bert,
    'ctrl': unseen_sequence_networks.ctrl,
}
HELD_BACK: dict[str, Callable[[], Pair]] = {
    'inception_v4': unseen_image_networks.inception_v4,
    'ic_net': unseen_image_networks.ic_net,
    'faster_rcnn': unseen_scene_networks.faster_rcnn,
    'jasper': unseen_sequence_networks.jasper,
    'char_rnn': unseen_sequence_networks.char_rnn,
}
