"""Tests the rules that are proposed between two checkpoints of published networks against the known answers."""

import pytest

import estimator_ckpt
from tests.suggesting import architectures, blind_pairs, known_pairs, more_architectures
from tests.suggesting.answers import compare, measure
from tests.testing.small_model import needs_keras_2

ALL_PAIRS = {**known_pairs.PAIRS, **known_pairs.HELD_OUT}
ARCHITECTURES = {
    **architectures.TUNED,
    **architectures.HELD_BACK,
    **more_architectures.TUNED,
    **blind_pairs.TUNED,
}
# What is which is nowhere said of Tacotron's gates `H` and `T`, of ELMo's directions, and of both ways of CycleGAN.
LEAST_RECALL = {
    'wide_and_deep': 0.93,
    'resnext': 0.98,
    'elmo': 0.69,
    'wavenet': 0.5,
    'ppo': 0.92,
    'retinanet': 0.95,
    'point_net': 0.03,
    'style_gan2': 0.87,
    'impala': 0.97,
    'tacotron_2': 0.97,
    'pre_activation_resnet': 0.64,
    'style_transfer': 0.33,
    'leela_zero': 0.91,
    'soft_actor_critic': 0.75,
    'deep_and_cross': 0.5,
    'conv_bert': 0.83,
    'qa_net': 0.22,
    'first_inception_v3': 0.87,
    'keras_bert': 0.99,
    'progressive_gan': 0.98,
    'tutorial_transformer': 0.98,
    'keras_hub_t5': 0.83,
    'four_step_cycle_gan': 0.0,
    'anime_gan': 0.66,
    'keras_transformer_xl': 0.75,
    'sketch_rnn': 0.58,
    'big_gan': 0.42,
    'gated_inpainting': 0.23,
    'spleeter': 0.86,
    'tpu_retina_net': 0.97,
    'keras_layers_yolo_v3': 0.98,
    'xlnet_base': 0.83,
    'soft_actor_critic_state': 0.8,
    'caffe_res_net': 0.96,
    'tensorpack_cycle_gan': 0.14,
    'auto_int': 0.0,
    'sas_rec_state': 0.5,
    'tacotron_state': 0.96,
    'image_gpt': 0.99,
    'attention_is_all_you_need_keras': 0.99,
    'tensorlayer_sr_gan': 0.21,
    'keras_io_retina_net': 0.97,
    'style_gan2_state': 0.04,
    'belval_crnn': 0.87,
    'elmo_state': 0.5,
    'pointer_generator_state': 0.89,
    'tf_t5': 0.98,
    'multinomial_vae': 0.3,
    'actor_critic_state': 0.83,
    'keras_yolo2': 0.77,
    'tensorpack_dcgan': 0.97,
    'e_net': 0.75,
    'krasserm_sr_gan': 0.97,
    'keras_summarizer': 0.13,
    'ml_agents_state': 0.33,
    'deeplab_xception_65': 0.98,
    'keras_deep_speech': 0.61,
    'raghakot_resnet_v2': 0.95,
    'pix2pix_states': 0.44,
    'tutorial_translator': 0.66,
    'timm_mobilenet_v2': 0.99,
    'pim_deep_speech_2': 0.73,
    'wave_rnn_tacotron': 0.82,
    'outbrain': 0.94,
    'hooked_transformer': 0.99,
    'very_deep_cnn': 0.31,
    'face_positions': 0.96,
    'attentional_factorization': 0.5,
    'chunks': 0.7,
    'hierarchical_attention': 0.12,
    'gpt_from_scratch': 0.99,
    'lifted_pose': 0.37,
    'book_chatbot': 0.75,
    'wave_u_net': 0.93,
}
# Only code that neither side shows tells that ESRGAN's upsampling, the end of Leela Zero's head, and the biases that
# StyleGAN2's state has apart from kernels, are other ones; and so is the coverage of the pointer generator.
LEAST_PRECISION = {
    'esrgan': 0.98,
    'leela_zero': 0.97,
    'style_gan2_state': 0.85,
}


@needs_keras_2
class TestKnownAnswers:
    @pytest.mark.parametrize('name', ALL_PAIRS)
    def test_everything_that_has_a_source_gets_it_and_nothing_else_gets_any(self, tmp_path, name):
        pair = ALL_PAIRS[name]()
        source = known_pairs.write_index(tmp_path / 'old', pair.shapes)
        suggestion = estimator_ckpt.suggest_rules(source, pair.target)
        (tmp_path / 'rules').write_text(str(suggestion))
        report = estimator_ckpt.plan(
            source, pair.target, str(tmp_path / 'rules'), include='all', missing='ignore'
        )
        measured = compare(pair, pair.target, report)
        assert measured.precision == measured.recall == 1.0
        assert not report.mismatched and not report.ambiguous
        listed = {row.target for row in [*suggestion.missing, *suggestion.ambiguous]}
        assert {row.target for row in report.missing} == listed
        assert suggestion.complete == (not listed)

    @pytest.mark.parametrize('name', ARCHITECTURES)
    def test_layers_of_known_architectures_are_recognized_by_their_order(self, tmp_path, name):
        measured = measure(tmp_path, ARCHITECTURES[name]())
        assert measured.precision >= LEAST_PRECISION.get(name, 1.0)
        assert measured.recall >= LEAST_RECALL.get(name, 1.0)

    def test_the_rules_for_bert_are_those_of_the_example(self, tmp_path):
        pair = known_pairs.bert()
        suggestion = estimator_ckpt.suggest_rules(
            known_pairs.write_index(tmp_path / 'old', pair.shapes), pair.target
        )
        assert len(suggestion.rules) == 11 and suggestion.gives_paths
        assert (
            r'bert/encoder/layer_(\d+)/attention/self/(key|query|value)/kernel',
            r'encoder/blocks/\1/attention/_\2_dense/kernel',
            'reshape=24,3,8',
        ) in suggestion.as_rules()

    def test_the_biases_that_slim_lacks_are_listed(self, tmp_path):
        pair = known_pairs.resnet()
        suggestion = estimator_ckpt.suggest_rules(
            known_pairs.write_index(tmp_path / 'old', pair.shapes), pair.target
        )
        assert len(suggestion.rules) == 20
        assert len(suggestion.missing) == 53 and all(r.target.endswith('/bias') for r in suggestion.missing)
        assert '#   conv1_conv/bias float32 [64]' in suggestion.lines()

    def test_what_keras_names_alike_needs_no_rules(self, tmp_path):
        pair = known_pairs.digits('keras')
        suggestion = estimator_ckpt.suggest_rules(
            known_pairs.write_index(tmp_path / 'old', pair.shapes), pair.target
        )
        assert suggestion.complete and not suggestion.rules and len(suggestion.by_name) == 10

    def test_another_model_gets_nothing(self, tmp_path):
        source = known_pairs.write_index(tmp_path / 'old', known_pairs.resnet().shapes)
        for other in (known_pairs.mobilenet, known_pairs.canned_dnn, known_pairs.lstm):
            suggestion = estimator_ckpt.suggest_rules(source, other().target)
            assert not suggestion.rules and not suggestion.by_name and not suggestion.complete
