"""Pairs of translators and states of PyTorch and Flax, for a fourteenth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_adafactor, with_slots
from tests.suggesting.collected_names import CollectedNames
from tests.suggesting.known_pairs import Pair


class _Names:
    """Collects the names of both sides; several targets may share one source."""

    def __init__(self):
        self.old: dict[str, tuple[int, ...]] = {}
        self.new: dict[str, tuple[int, ...]] = {}
        self._sources: dict[str, str] = {}

    def add(
        self, source: str, target: str, shape: tuple[int, ...], other: tuple[int, ...] | None = None
    ) -> None:
        self.old[source], self.new[target], self._sources[target] = shape, other or shape, source

    def pair(self) -> Pair:
        return Pair(self.old, self.new, self._sources)


def thumt() -> Pair:
    """THUNLP-MT/THUMT's Transformer of its TensorFlow branch as it is trained, and its own state dict in PyTorch.

    The answer is that of the latter's convert_checkpoint.py, which splits the joint projections, so that each of these
    is the source of two or three, and the matrix of the softmax, which that leaves under its old name. Both are the
    base by default, with a norm after each part and tables of their own. How its Adam's slots are called otherwise than
    by that word is not verified.
    """
    names, width, inner, root = _Names(), 512, 2048, 'transformer'

    def linear(source: str, x: int, y: int, *targets: str) -> None:
        part = y // len(targets)
        for target in targets:
            names.add(f'{source}/matrix', f'{target}.weight', (x, y), (part, x))
            names.add(f'{source}/bias', f'{target}.bias', (y,), (part,))

    def norm(source: str, target: str) -> None:
        names.add(f'{source}/layer_norm/scale', f'{target}.layer_norm.weight', (width,))
        names.add(f'{source}/layer_norm/offset', f'{target}.layer_norm.bias', (width,))

    def attention(source: str, target: str, *joint: str) -> None:
        for letters in joint:
            parts = [f'{target}.attention.{letter}_transform' for letter in letters]
            linear(f'{source}/multihead_attention/{letters}_transform', width, len(letters) * width, *parts)
        at = f'{source}/multihead_attention/output_transform'
        linear(at, width, width, f'{target}.attention.o_transform')
        norm(source, target)

    for name, target, count in (
        ('source_embedding', 'source_embedding', 3000),
        ('target_embedding', 'target_embedding', 4000),
        ('softmax', 'softmax_weights', 4000),
    ):
        names.add(f'{root}/{name}', target, (count, width))
    names.add(f'{root}/bias', 'bias', (width,))
    for side in ('encoder', 'decoder'):
        for n in range(6):
            a, b = f'{root}/{side}/layer_{n}', f'{side}.layers.{n}'
            attention(f'{a}/self_attention', f'{b}.self_attention', 'qkv')
            if side == 'decoder':
                attention(f'{a}/encdec_attention', f'{b}.encdec_attention', 'q', 'kv')
            a, b = f'{a}/feed_forward', f'{b}.feed_forward'
            linear(f'{a}/ffn_layer/input_layer/linear', width, inner, f'{b}.ffn_layer.input_transform')
            linear(f'{a}/ffn_layer/output_layer/linear', inner, width, f'{b}.ffn_layer.output_transform')
            norm(a, b)
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(names.pair(), 'Adam', 'Adam_1', others=steps)


def flax_t5() -> Pair:
    """google-research/text-to-text-transfer-transformer's first T5 base by Mesh TensorFlow, and transformers' in Flax.

    The new names are those of FlaxT5ForConditionalGeneration of huggingface/transformers, whose matrix of outputs is
    that of its words; the biases of positions are transposed. Which axis each of the old slots is of, is not verified.
    """
    names, width, inner, heads, words = CollectedNames(), 768, 3072, 12, 32128
    names.add('shared/embedding', 'shared/embedding', (words, width))

    def norm(source: str, target: str) -> None:
        names.add(f'{source}/scale', f'{target}/weight', (width,))

    for side in ('encoder', 'decoder'):
        parts = ['SelfAttention'] + ['EncDecAttention'] * (side == 'decoder')
        for n in range(12):
            for number, part in enumerate(parts):
                a = f'{side}/block_{n:03}/layer_{number:03}'
                b = f'{side}/block/{n}/layer/{number}'
                for letter in 'qkvo':
                    names.add(f'{a}/{part}/{letter}', f'{b}/{part}/{letter}/kernel', (width, width))
                if not n and not number:
                    name, shape = f'{part}/relative_attention_bias', (heads, 32)
                    names.add(f'{a}/{name}', f'{b}/{name}/embedding', shape, shape[::-1])
                norm(f'{a}/layer_norm', f'{b}/layer_norm')
            a, b = f'{side}/block_{n:03}/layer_{len(parts):03}', f'{side}/block/{n}/layer/{len(parts)}'
            for name, shape in (('wi', (width, inner)), ('wo', (inner, width))):
                names.add(f'{a}/DenseReluDense/{name}/kernel', f'{b}/DenseReluDense/{name}/kernel', shape)
            norm(f'{a}/layer_norm', f'{b}/layer_norm')
        norm(f'{side}/final_layer_norm', f'{side}/final_layer_norm')
    return with_adafactor(names.pair(), least=heads + 1)
