"""Pairs for a third blind test: what people restore, by names from public repositories; see also `unseen_pairs`.

They were written without a look at what the search finds of them. Each pair says which repository each side follows.
When they were first measured, nothing that was proposed was wrong, and the mean recall was 0.80. What the search missed
of the pairs of `TUNED` was looked at then.
"""

from collections.abc import Callable

from tests.suggesting import (
    third_image_networks,
    third_scene_networks,
    third_sequence_networks,
)
from tests.suggesting.known_pairs import Pair

TUNED: dict[str, Callable[[], Pair]] = {
    'mnist_deep': third_image_networks.mnist_deep,
    'keras_nlp_bert': third_sequence_networks.keras_nlp_bert,
    'qa_net': third_sequence_networks.qa_net,
}
HELD_BACK: dict[str, Callable[[], Pair]] = {
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
