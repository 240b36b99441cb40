"""Pairs for a blind test: what people restore, by names from public repositories that the search was not made with.

They were written without a look at what the search finds of them. Each pair says which repository each side follows.
When they were first measured, their mean recall was 0.69, and four had wrong proposals. What the search missed of the
pairs of `TUNED` was looked at then.
"""

from collections.abc import Callable

from tests.suggesting import (
    blind_image_networks,
    blind_recommenders,
    blind_scene_networks,
    blind_sequence_networks,
)
from tests.suggesting.known_pairs import Pair

TUNED: dict[str, Callable[[], Pair]] = {
    'nasnet': blind_image_networks.nasnet,
    'point_net': blind_image_networks.point_net,
    'mask_rcnn': blind_scene_networks.mask_rcnn,
    'style_gan2': blind_scene_networks.style_gan2,
    'impala': blind_scene_networks.impala,
    'open_nmt': blind_sequence_networks.open_nmt,
    'tacotron_2': blind_sequence_networks.tacotron_2,
    'sas_rec': blind_recommenders.sas_rec,
}
HELD_BACK: dict[str, Callable[[], Pair]] = {
    'cifar_10': blind_image_networks.cifar_10,
    'fcn_8': blind_image_networks.fcn_8,
    'ssd_mobilenet_v2': blind_scene_networks.ssd_mobilenet_v2,
    'mobile_bert': blind_sequence_networks.mobile_bert,
    'funnel': blind_sequence_networks.funnel,
    'deep_interest': blind_recommenders.deep_interest,
}
