"""Pairs of detectors whose new side is a state dict of PyTorch, for a twelfth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair

_VGG = ((1, 2, 64), (2, 2, 128), (3, 3, 256), (4, 3, 512), (5, 3, 512))


class _Detector(StateDict):
    """Notes layers of Caffe's roles, whose kernels PyTorch has transposed."""

    def layer(self, source: str, target: str, shape: tuple[int, ...], kernel: str = 'weights') -> None:
        *size, x, y = shape
        self.add(f'{source}/{kernel}', f'{target}.weight', shape, (y, x, *size))
        self.add(f'{source}/biases', f'{target}.bias', (y,))

    def unused(self, source: str, shape: tuple[int, ...]) -> None:
        """Notes a layer that the new network does not have."""
        self.old(f'{source}/weights', shape)
        self.old(f'{source}/biases', shape[-1:])

    def further(self, target: str, shape: tuple[int, ...]) -> None:
        """Notes a layer that the old network does not have."""
        self.new(f'{target}.weight', shape)
        self.new(f'{target}.bias', shape[:1])

    def vgg(self, target: str, start: int, stop: int, place: int, kernel: str = 'weights') -> None:
        """Notes the blocks of a VGG-16 from one to another, each with its pooling; the first at a place."""
        x = 3 if start == 1 else _VGG[start - 2][2]
        for block, count, width in _VGG[start - 1 : stop]:
            for number in range(1, count + 1):
                self.layer(f'conv{block}_{number}', f'{target}.{place}', (3, 3, x, width), kernel)
                place, x = place + 2, width
            place += 1


def faster_rcnn_state() -> Pair:
    """smallcorgi/Faster-RCNN_TF with VGG-16 for VOC as it is trained, and the state of jwyang/faster-rcnn.pytorch's.

    Both have 9 anchors and 21 classes, and flatten with the channels first. The old one keeps no slots, for its Saver
    is made before its optimizer. That of PyTorch was read as a fork keeps it.
    """
    names = _Detector()
    names.vgg('RCNN_base', 1, 5, 0)
    for source, target, shape in (
        ('rpn_conv/3x3', 'RCNN_rpn.RPN_Conv', (3, 3, 512, 512)),
        ('rpn_cls_score', 'RCNN_rpn.RPN_cls_score', (1, 1, 512, 18)),
        ('rpn_bbox_pred', 'RCNN_rpn.RPN_bbox_pred', (1, 1, 512, 36)),
        ('fc6', 'RCNN_top.0', (25088, 4096)),
        ('fc7', 'RCNN_top.3', (4096, 4096)),
        ('cls_score', 'RCNN_cls_score', (4096, 21)),
        ('bbox_pred', 'RCNN_bbox_pred', (4096, 84)),
    ):
        names.layer(source, target, shape)
    return names.pair()


def ssd_300_state() -> Pair:
    """ljanyst/ssd-tensorflow's SSD300 for VOC as it is trained, and the state of pytorch/vision's ssd300_vgg16.

    The new one is for COCO. The old one keeps the dense layers of VGG of which it made its sixth and seventh, and has a
    classifier for each box of a place, so that none of the new heads has a source. The names of its VGG are those of
    Udacity's vgg.zip, as its students list them. No gradients reach its VGG, which so has no slots.
    """
    names = _Detector()
    names.add('norm_conv4_3/scale', 'backbone.scale_weight', (512,))
    names.vgg('backbone.features', 1, 4, 0, 'filter')
    names.vgg('backbone.extra.0', 5, 5, 1, 'filter')
    names.unused('fc6', (7, 7, 512, 4096))
    names.unused('fc7', (1, 1, 4096, 4096))
    names.layer('mod_conv6', 'backbone.extra.0.7.1', (3, 3, 512, 1024))
    names.layer('mod_conv7', 'backbone.extra.0.7.3', (1, 1, 1024, 1024))
    x = 1024
    for number, (middle, width) in enumerate(((256, 512), (128, 256), (128, 256), (128, 256)), 1):
        target = f'backbone.extra.{number}'
        names.layer(f'conv{number + 7}_1', f'{target}.0', (1, 1, x, middle))
        names.layer(f'conv{number + 7}_2', f'{target}.2', (3, 3, middle, width))
        x = width
    maps = (512, 4), (1024, 6), (512, 6), (256, 6), (256, 4), (256, 4)
    for number, (x, boxes) in enumerate(maps):
        for box in range(6 if number < 5 else 5):
            names.unused(f'classifiers/classifier{number}_{box}', (3, 3, x, 25))
        for head, width in (('classification', 91), ('regression', 4)):
            names.further(f'head.{head}_head.module_list.{number}', (boxes * width, x, 3, 3))
    others = {'learning_rate/global_step': (), 'optimizer/beta1_power': (), 'optimizer/beta2_power': ()}
    untrained = r'^(conv[1-5]_|mod_|fc)'
    return with_slots(
        names.pair(), 'optimizer', 'optimizer_1', prefix='optimizer/', but=untrained, others=others
    )
