"""Pairs of image networks and states of PyTorch, by their names, for the nineteenth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import STATISTICS, with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair
from tests.suggesting.tenth_image_state_dicts import Shifts

_SEVEN = '0a_1x1:{0} 0b_1x7:{0} 0c_7x1:192', '0a_1x1:{0} 0b_7x1:{0} 0c_1x7:{0} 0d_7x1:{0} 0e_1x7:192'


class _Inception(Shifts):
    """Notes slim's Inception V3, and timm's."""

    def row(self, block: str, branch: int, x: int, target: str, row: str) -> int:
        """A row of convolutions, each by its name and its width; the new ones are numbered if they are several."""
        parts = row.split()
        for number, part in enumerate(parts, 1):
            name, _, end = part.partition(':')
            size, width = tuple(map(int, name.rpartition('_')[2].split('x'))), int(end)
            self.unit_of(
                block, branch, name, f'{target}_{number}' if len(parts) > 1 else target, (*size, x, width)
            )
            x = width
        return x

    def unit_of(self, block: str, branch: int, name: str, target: str, shape: tuple[int, ...]) -> None:
        name = name if name.startswith('Conv') else f'Conv2d_{name}'
        self.basic(f'InceptionV3/{block}/Branch_{branch}/{name}', f'{block}.{target}', shape)

    def first(self, block: str, x: int, pooled: int) -> None:
        """`InceptionA`; slim calls the second branch of one of them otherwise."""
        self.row(block, 0, x, 'branch1x1', '0a_1x1:64')
        if block == 'Mixed_5c':
            self.unit_of(block, 1, '0b_1x1', 'branch5x5_1', (1, 1, x, 48))
            self.unit_of(block, 1, 'Conv_1_0c_5x5', 'branch5x5_2', (5, 5, 48, 64))
        else:
            self.row(block, 1, x, 'branch5x5', '0a_1x1:48 0b_5x5:64')
        self.row(block, 2, x, 'branch3x3dbl', '0a_1x1:64 0b_3x3:96 0c_3x3:96')
        self.row(block, 3, x, 'branch_pool', f'0b_1x1:{pooled}')

    def halving(self) -> None:
        """`InceptionB`, whose convolutions that halve the extents slim calls otherwise than they are."""
        self.unit_of('Mixed_6a', 0, '1a_1x1', 'branch3x3', (3, 3, 288, 384))
        self.unit_of('Mixed_6a', 1, '0a_1x1', 'branch3x3dbl_1', (1, 1, 288, 64))
        self.unit_of('Mixed_6a', 1, '0b_3x3', 'branch3x3dbl_2', (3, 3, 64, 96))
        self.unit_of('Mixed_6a', 1, '1a_1x1', 'branch3x3dbl_3', (3, 3, 96, 96))

    def last(self, block: str, x: int) -> None:
        """`InceptionE`, in which a branch divides."""
        self.row(block, 0, x, 'branch1x1', '0a_1x1:320')
        self.unit_of(block, 1, '0a_1x1', 'branch3x3_1', (1, 1, x, 384))
        self.unit_of(block, 1, '0b_1x3', 'branch3x3_2a', (1, 3, 384, 384))
        end = '0b_3x1' if block == 'Mixed_7b' else '0c_3x1'
        self.unit_of(block, 1, end, 'branch3x3_2b', (3, 1, 384, 384))
        self.row(block, 2, x, 'branch3x3dbl', '0a_1x1:448 0b_3x3:384')
        self.unit_of(block, 2, '0c_1x3', 'branch3x3dbl_3a', (1, 3, 384, 384))
        self.unit_of(block, 2, '0d_3x1', 'branch3x3dbl_3b', (3, 1, 384, 384))
        self.row(block, 3, x, 'branch_pool', '0b_1x1:192')

    def heads(self) -> None:
        """The logits, of which the old one has auxiliary ones, and the new one a class less."""
        at = 'InceptionV3/AuxLogits/Conv2d'
        for name, shape in (('1b_1x1', (1, 1, 768, 128)), ('2a_5x5', (5, 5, 128, 768))):
            self.old(f'{at}_{name}/weights', shape)
            for role in STATISTICS[1:]:
                self.old(f'{at}_{name}/BatchNorm/{role}', shape[-1:])
        for scope, x in ((f'{at}_2b_1x1', 768), ('InceptionV3/Logits/Conv2d_1c_1x1', 2048)):
            self.old(f'{scope}/weights', (1, 1, x, 1001))
            self.old(f'{scope}/biases', (1001,))
        self.new('fc.weight', (1000, 2048))
        self.new('fc.bias', (1000,))


def inception_v3() -> Pair:
    """tensorflow/models' slim's Inception V3 as it is trained, and timm's tf_inception_v3.

    The latter is of huggingface/pytorch-image-models, which says that its weights are slim's. The old norms do not
    scale; the old network has auxiliary logits, and a class more.
    """
    names = _Inception()
    stem = ('1a_3x3', 3, 32), ('2a_3x3', 32, 32), ('2b_3x3', 32, 64), ('3b_1x1', 64, 80), ('4a_3x3', 80, 192)
    for name, x, width in stem:
        size = int(name[-1])
        names.basic(f'InceptionV3/Conv2d_{name}', f'Conv2d_{name}', (size, size, x, width))
    for block, x, pooled in (('Mixed_5b', 192, 32), ('Mixed_5c', 256, 64), ('Mixed_5d', 288, 64)):
        names.first(block, x, pooled)
    names.halving()
    for block, narrow in (('Mixed_6b', 128), ('Mixed_6c', 160), ('Mixed_6d', 160), ('Mixed_6e', 192)):
        names.row(block, 0, 768, 'branch1x1', '0a_1x1:192')
        names.row(block, 1, 768, 'branch7x7', _SEVEN[0].format(narrow))
        names.row(block, 2, 768, 'branch7x7dbl', _SEVEN[1].format(narrow))
        names.row(block, 3, 768, 'branch_pool', '0b_1x1:192')
    names.row('Mixed_7a', 0, 768, 'branch3x3', '0a_1x1:192 1a_3x3:320')
    names.row('Mixed_7a', 1, 768, 'branch7x7x3', '0a_1x1:192 0b_1x7:192 0c_7x1:192 1a_3x3:192')
    names.last('Mixed_7b', 1280)
    names.last('Mixed_7c', 2048)
    names.heads()
    return with_slots(names.pair(), 'RMSProp', 'RMSProp_1', others={'global_step': ()})


class _Pix2Pix(StateDict):
    """Notes affinelayer's pix2pix, whose convolutions have biases, and junyanz's, most of whose have none."""

    def kernel(self, source: str, target: str, shape: tuple[int, ...]) -> None:
        """A kernel, whose bias, which lies on the axis before the last if it is transposed, the old one has alone."""
        *size, x, y = shape
        self.add(f'{source}/kernel', f'{target}.weight', shape, (y, x, *size))
        self.old(f'{source}/bias', (x if source.endswith('transpose') else y,))

    def batches(self, source: str, target: str, width: int) -> None:
        self.norm(f'{source}/batch_normalization', target, width, statistics=True)

    def generator(self, widths: list[int]) -> None:
        """The levels, each of which lies in the new one inside of that before it."""
        at, depth = 'netG.model.model', len(widths)
        self.kernel('generator/encoder_1/conv2d', f'{at}.0', (4, 4, 3, widths[0]))
        shape = 4, 4, 3, 2 * widths[0]
        self.weights('generator/decoder_1/conv2d_transpose', f'{at}.3', shape, transposed=True)
        at = f'{at}.1.model'
        for level, (x, width) in enumerate(zip(widths, widths[1:], strict=False), 2):
            down, up, last = f'generator/encoder_{level}', f'generator/decoder_{level}', level == depth
            self.kernel(f'{down}/conv2d', f'{at}.1', (4, 4, x, width))
            if last:
                for role in STATISTICS:
                    self.old(f'{down}/batch_normalization/{role}', (width,))
            else:
                self.batches(down, f'{at}.2', width)
            place, wide = (3, width) if last else (5, 2 * width)
            self.kernel(f'{up}/conv2d_transpose', f'{at}.{place}', (4, 4, x, wide))
            self.batches(up, f'{at}.{place + 1}', x)
            at = f'{at}.3.model'

    def discriminator(self) -> None:
        self.weights('discriminator/layer_1/conv2d', 'netD.model.0', (4, 4, 6, 64))
        for level, width in enumerate((128, 256, 512), 2):
            at, place = f'discriminator/layer_{level}', 3 * level - 4
            self.kernel(f'{at}/conv2d', f'netD.model.{place}', (4, 4, width // 2, width))
            self.batches(at, f'netD.model.{place + 1}', width)
        self.weights('discriminator/layer_5/conv2d', 'netD.model.11', (4, 4, 512, 1))


def pix2pix() -> Pair:
    """affinelayer/pix2pix-tensorflow's pix2pix.py as it is trained, and junyanz/pytorch-CycleGAN-and-pix2pix's states.

    The latter saves two states, of a unet_256 and a basic discriminator with norms of batches, whose names are joined
    here. The innermost convolution of the new one has no norm. What the old one averages of its losses is left out. The
    new code was read in copies of it.
    """
    names = _Pix2Pix()
    names.generator([64, 128, 256, 512, 512, 512, 512, 512])
    names.discriminator()
    scopes = 'discriminator_train', 'generator_train'
    others = {f'{scope}/beta{number}_power': () for scope in scopes for number in (1, 2)}
    return with_slots(names.pair(), 'Adam', 'Adam_1', others={'global_step': (), **others})
