"""Tests the rules that are proposed for other forms of the targets of known pairs, and with Keras 3."""

import pytest

from tests.suggesting import architectures, blind_pairs, known_pairs, more_architectures, target_forms
from tests.suggesting.answers import measure
from tests.testing.small_model import needs_keras_2, needs_keras_3

PAIRS = {
    **known_pairs.PAIRS,
    **known_pairs.HELD_OUT,
    **architectures.TUNED,
    **architectures.HELD_BACK,
    **more_architectures.TUNED,
    **more_architectures.HELD_BACK,
    **blind_pairs.TUNED,
    **blind_pairs.HELD_BACK,
}
# By the form. A checkpoint shows how Keras tracked the layers, but not in which order they were made; without the tree
# of objects, `layer_with_weights-3` tells little.
LEAST_RECALL = {
    'saved': {'inception_resnet_v2': 1.0, 'nasnet': 0.45, 'anime_gan': 0.66, 'style_gan2': 0.87},
    'paths': {'jasper': 0.97, 'inception_v4': 0.0, 'facenet': 0.01},
    'pytorch': {'inception_v3': 1.0, 'mobilenet_v2': 1.0, 'mobile_face_net': 0.86},
    'names': {
        'official_resnet_v2': 0.8,
        'resnext': 0.9,
        'jasper': 0.88,
        'u_net': 1.0,
        'ds_cnn': 1.0,
        'inception_resnet_v2': 0.82,
        'tensor2tensor_transformer': 0.97,
    },
}


@needs_keras_2
@pytest.mark.parametrize(
    'form, name', [(form, name) for form, names in LEAST_RECALL.items() for name in names]
)
def test_other_forms_of_targets_get_nothing_wrong_either(tmp_path, form, name):
    pair = target_forms.FORMS[form](PAIRS[name](), tmp_path / 'saved')
    measured = measure(tmp_path, pair)
    assert measured.precision == 1.0
    assert measured.recall >= LEAST_RECALL[form][name]


# Of the pairs whose layers Keras 3 has too, some of each kind; others measure less than everything there.
OF_KERAS_3 = (
    *(
        'resnet',
        'official_resnet_v2',
        'counted_densenet',
        'counted_xception',
        'googlenet',
        'inception_v3',
        'facenet',
    ),
    *(
        'mobilenet_v3',
        'u_net',
        'tiramisu',
        'gan',
        'dcgan',
        'star_gan',
        'vq_vae',
        'yolo_v3',
        'psp_net',
        'pwc_net',
    ),
    *(
        'open_nmt',
        'official_transformer_v2',
        'show_and_tell',
        'sas_rec',
        'crnn',
        'jasper',
        'i3d',
        'graph_network',
    ),
    *('deep_q', 'ppo_2', 'multi_agent', 'implicit_quantile', 'keras_hub_densenet', 'zhang_yolo_v3'),
)


@needs_keras_3
@pytest.mark.parametrize('name', OF_KERAS_3)
def test_programs_of_keras_3_get_everything_too(tmp_path, name):
    measured = measure(tmp_path, PAIRS[name]())
    assert measured.precision == measured.recall == 1.0
