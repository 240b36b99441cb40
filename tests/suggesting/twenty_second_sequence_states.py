"""Pairs of networks and states of PyTorch, for the twenty-second blind test; see `blind_pairs`."""

from tests.suggesting.collected_names import CollectedNames
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair


class _Projections(CollectedNames):
    """Collects the layers of GPT-2, whose kernels have an axis of one more in the old one."""

    def norm(self, source: str, target: str, width: int) -> None:
        self.add(f'{source}/g', f'{target}.scale', (width,))
        self.add(f'{source}/b', f'{target}.shift', (width,))

    def dense(self, source: str, target: str, x: int, y: int) -> None:
        self.add(f'{source}/w', f'{target}.weight', (1, x, y), (y, x))
        self.add(f'{source}/b', f'{target}.bias', (y,))


def gpt_from_scratch() -> Pair:
    """openai/gpt-2's smallest as it is released, and the state dict of GPTModel of rasbt/LLMs-from-scratch.

    The answer is that of load_weights_into_gpt of ch05/01_main-chapter-code/gpt_generate.py, which divides the matrix
    and the bias of c_attn into three of each, transposes all matrices of dense layers, and takes the table of words
    for the outputs, too. The classes are those of previous_chapters.py with biases for the attention. Its masks have
    no sources. The released checkpoint has no slots.
    """
    names, width, words, places = _Projections('model/'), 768, 50257, 1024
    names.add('wte', 'tok_emb.weight', (words, width))
    names.add('wpe', 'pos_emb.weight', (places, width))
    for n in range(12):
        at, block = f'h{n}', f'trf_blocks.{n}'
        names.old(f'{at}/attn/c_attn/w', (1, width, 3 * width))
        names.old(f'{at}/attn/c_attn/b', (3 * width,))
        for part in ('query', 'key', 'value'):
            names.part(f'{at}/attn/c_attn/w', f'{block}.att.W_{part}.weight', (width, width))
            names.part(f'{at}/attn/c_attn/b', f'{block}.att.W_{part}.bias', (width,))
        names.new(f'{block}.att.mask', (places, places))
        names.dense(f'{at}/attn/c_proj', f'{block}.att.out_proj', width, width)
        names.dense(f'{at}/mlp/c_fc', f'{block}.ff.layers.0', width, 4 * width)
        names.dense(f'{at}/mlp/c_proj', f'{block}.ff.layers.2', 4 * width, width)
        names.norm(f'{at}/ln_1', f'{block}.norm1', width)
        names.norm(f'{at}/ln_2', f'{block}.norm2', width)
    names.norm('ln_f', 'final_norm', width)
    names.part('wte', 'out_head.weight', (words, width))
    return names.pair()


class _Slim(StateDict):
    """Collects the layers of slim, and those of PyTorch."""

    def slim(self, source: str, target: str, shape: tuple[int, ...]) -> None:
        *size, x, y = shape
        self.add(f'{source}/weights', f'{target}.weight', shape, (y, x, *size))
        self.add(f'{source}/biases', f'{target}.bias', (y,))


def torch_vggish() -> Pair:
    """tensorflow/models' research/audioset/vggish as it is released, and the state of harritaylor/torchvggish.

    The old one is that of vggish_slim.py, the new one the VGGish of torchvggish/vggish.py with its postprocessor, whose
    matrix and means come from a file of numpy with the old one, but are not in its checkpoint. The new one transposes
    what the convolutions give, so that the rows of the first dense kernel are in the old order.
    """
    names = _Slim('vggish/')
    convs = (
        ('conv1', 0, 1, 64),
        ('conv2', 3, 64, 128),
        ('conv3/conv3_1', 6, 128, 256),
        ('conv3/conv3_2', 8, 256, 256),
        ('conv4/conv4_1', 11, 256, 512),
        ('conv4/conv4_2', 13, 512, 512),
    )
    for source, n, x, y in convs:
        names.slim(source, f'features.{n}', (3, 3, x, y))
    dense = (('fc1/fc1_1', 6 * 4 * 512, 4096), ('fc1/fc1_2', 4096, 4096), ('fc2', 4096, 128))
    for n, (source, x, y) in enumerate(dense):
        names.slim(source, f'embeddings.{2 * n}', (x, y))
    names.new('pproc.pca_matrix', (128, 128))
    names.new('pproc.pca_means', (128, 1))
    return names.pair()


def hindsight_experience_replay() -> Pair:
    """openai/baselines' HER for FetchPush, and the networks of TianhongDai/hindsight-experience-replay's agent.

    The old one is the DDPG of baselines/her with the sizes of experiment/config.py, as a Saver saves it, while its own
    scripts keep a list of the values; its optimizer is not in the graph. The new ones are those of rl_modules, here by
    the names of the agent's attributes: the states of its networks, and the means and the deviations, which it saves
    beside them. Its normalizers also keep sums, which it does not save.
    """
    names, hidden, sizes = StateDict('ddpg/'), 256, {'o': 25, 'g': 3, 'u': 4}
    for kind in 'og':
        width = sizes[kind]
        names.old(f'{kind}_stats/sum', (width,))
        names.old(f'{kind}_stats/sumsq', (width,))
        names.old(f'{kind}_stats/count', (1,))
        for role in ('mean', 'std'):
            names.add(f'{kind}_stats/{role}', f'{kind}_norm.{role}', (width,))
    inputs = sizes['o'] + sizes['g']
    for scope, kind in (('main', ''), ('target', '_target')):
        for part, network, x, y, last in (
            ('pi', 'actor', inputs, sizes['u'], 'action_out'),
            ('Q', 'critic', inputs + sizes['u'], 1, 'q_out'),
        ):
            at, new = f'{scope}/{part}', f'{network}{kind}_network'
            names.weights(f'{at}/_0', f'{new}.fc1', (x, hidden))
            names.weights(f'{at}/_1', f'{new}.fc2', (hidden, hidden))
            names.weights(f'{at}/_2', f'{new}.fc3', (hidden, hidden))
            names.weights(f'{at}/_3', f'{new}.{last}', (hidden, y))
    return names.pair()
