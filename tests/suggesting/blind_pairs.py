"""Pairs of three blind tests: what people restore, by names from public repositories that the search was not made with.

They were written without a look at what the search finds of them. Each pair says which repository each side follows.
When they were first measured, those of the first test (`blind_...`) had a mean recall of 0.69, and four had wrong
proposals; those of the second (`unseen_...`) 0.62, and five; those of the third (`third_...`) 0.80, and none. What the
search missed of the pairs of `TUNED` was looked at then.
"""

from collections.abc import Callable

from tests.suggesting import (
    blind_image_networks,
    blind_recommenders,
    blind_scene_networks,
    blind_sequence_networks,
    third_image_networks,
    third_scene_networks,
    third_sequence_networks,
    unseen_agents,
    unseen_image_networks,
    unseen_scene_networks,
    unseen_sequence_networks,
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
    'pre_activation_resnet': unseen_image_networks.pre_activation_resnet,
    'esrgan': unseen_scene_networks.esrgan,
    'style_transfer': unseen_scene_networks.style_transfer,
    'leela_zero': unseen_agents.leela_zero,
    'soft_actor_critic': unseen_agents.soft_actor_critic,
    'graph_network': unseen_agents.graph_network,
    'deep_and_cross': unseen_agents.deep_and_cross,
    'conv_bert': unseen_sequence_networks.conv_bert,
    'ctrl': unseen_sequence_networks.ctrl,
    'mnist_deep': third_image_networks.mnist_deep,
    'keras_nlp_bert': third_sequence_networks.keras_nlp_bert,
    'qa_net': third_sequence_networks.qa_net,
}
HELD_BACK: dict[str, Callable[[], Pair]] = {
    'cifar_10': blind_image_networks.cifar_10,
    'fcn_8': blind_image_networks.fcn_8,
    'ssd_mobilenet_v2': blind_scene_networks.ssd_mobilenet_v2,
    'mobile_bert': blind_sequence_networks.mobile_bert,
    'funnel': blind_sequence_networks.funnel,
    'deep_interest': blind_recommenders.deep_interest,
    'inception_v4': unseen_image_networks.inception_v4,
    'ic_net': unseen_image_networks.ic_net,
    'faster_rcnn': unseen_scene_networks.faster_rcnn,
    'jasper': unseen_sequence_networks.jasper,
    'char_rnn': unseen_sequence_networks.char_rnn,
    'efficientnet_lite': third_image_networks.efficientnet_lite,
    'sim_clr': third_image_networks.sim_clr,
    'mobile_face_net': third_image_networks.mobile_face_net,
    'face_detector': third_scene_networks.face_detector,
    'psp_net': third_scene_networks.psp_net,
    'pwc_net': third_scene_networks.pwc_net,
    'show_and_tell': third_scene_networks.show_and_tell,
    'text_rnn': third_sequence_networks.text_rnn,
    'neural_factorization': third_sequence_networks.neural_factorization,
}
