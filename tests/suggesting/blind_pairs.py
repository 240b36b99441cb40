"""Pairs for a blind test: what people restore, by names from public repositories that the search was not made with.

They were written without a look at what the search finds of them. Each pair says which repository each side follows.
"""

from collections.abc import Callable

from tests.suggesting import (
    blind_image_networks,
    blind_recommenders,
    blind_scene_networks,
    blind_sequence_networks,
)
from tests.suggesting.known_pairs import Pair

HELD_BACK: dict[str, Callable[[], Pair]] = {
    'cifar_10': blind_image_networks.cifar_10,
    'nasnet': blind_image_networks.nasnet,
    'point_net': blind_image_networks.point_net,
    'fcn_8': blind_image_networks.fcn_8,
    'mask_rcnn': blind_scene_networks.mask_rcnn,
    'ssd_mobilenet_v2': blind_scene_networks.ssd_mobilenet_v2,
    'style_gan2': blind_scene_networks.style_gan2,
    'impala': blind_scene_networks.impala,
    'mobile_bert': blind_sequence_networks.mobile_bert,
    'funnel': blind_sequence_networks.funnel,
    'open_nmt': blind_sequence_networks.open_nmt,
    'tacotron_2': blind_sequence_networks.tacotron_2,
    'sas_rec': blind_recommenders.sas_rec,
    'deep_interest': blind_recommenders.deep_interest,
}
