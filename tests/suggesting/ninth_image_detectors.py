"""Collects pairs of detectors in images, by their names, for a ninth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import STATISTICS, with_slots
from tests.suggesting.collected_names import Names
from tests.suggesting.known_pairs import Pair

_VGG = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
_EXTRA = ((1024, 256), (512, 128), (256, 128), (256, 128))
_PREDICTED = ('conv4_3_norm', 'fc7', 'conv6_2', 'conv7_2', 'conv8_2', 'conv9_2')


def ssd_300() -> Pair:
    """HiKapok/SSD.TensorFlow's SSD300 for VOC as it is trained, and pierluigiferrari/ssd_keras' for as many classes.

    The boxes of a place, and the edges of a box, may be ordered otherwise.
    """
    names, x = Names('ssd300/'), 3
    for block, (count, width) in enumerate(_VGG, 1):
        for conv in range(1, count + 1):
            names.layer(f'conv{block}/conv{block}_{conv}', f'conv{block}_{conv}', (3, 3, x, width))
            x = width
    names.layer('fc6', 'fc6', (3, 3, 512, 1024))
    names.layer('fc7', 'fc7', (1, 1, 1024, 1024))
    for number, (x, width) in enumerate(_EXTRA):
        at, new = f'additional_layers/conv{number + 8}/conv{number + 8}', f'conv{number + 6}'
        names.layer(f'{at}_1', f'{new}_1', (1, 1, x, width))
        names.layer(f'{at}_2', f'{new}_2', (3, 3, width, 2 * width))
    names.add('conv4_3_scale/weights', 'conv4_3_norm/conv4_3_norm_gamma', (512,))
    widths = 512, 1024, *(2 * width for _, width in _EXTRA)
    for number, (new, x, boxes) in enumerate(zip(_PREDICTED, widths, (4, 6, 6, 6, 4, 4), strict=True)):
        names.layer(f'multibox_head/loc_{number}', f'{new}_mbox_loc', (3, 3, x, 4 * boxes))
        names.layer(f'multibox_head/cls_{number}', f'{new}_mbox_conf', (3, 3, x, 21 * boxes))
    return with_slots(names.pair(), 'Momentum', others={'global_step': ()})


class _Yolo:
    """Collects YOLO V3: what slim counts in a scope, and what Keras counts in a model among the parts of another."""

    def __init__(self, classes: int):
        self.names, self._outputs, self._counts = Names('yolov3/'), 3 * (5 + classes), {}

    def unit(self, scope: str, model: int, x: int, width: int, size: int) -> int:
        """A convolution and its norm. Returns the width."""
        at, number = self._next(scope), self._number(model)
        new = f'layer_with_weights-{model}/layer_with_weights-'
        self.names.add(f'{at}/weights', f'{new}{number}/kernel', (size, size, x, width))
        number = self._number(model)
        for role in STATISTICS:
            self.names.add(f'{at}/BatchNorm/{role}', f'{new}{number}/{role}', (width,))
        return width

    def output(self, scope: str, model: int, x: int) -> None:
        """The convolution that predicts."""
        at, number = self._next(scope), self._number(model)
        new = f'layer_with_weights-{model}/layer_with_weights-{number}'
        self.names.add(f'{at}/weights', f'{new}/kernel', (1, 1, x, self._outputs))
        self.names.add(f'{at}/biases', f'{new}/bias', (self._outputs,))

    def _next(self, scope: str) -> str:
        number = self._number(scope)
        return f'{scope}/Conv_{number}' if number else f'{scope}/Conv'

    def _number(self, kind: str | int) -> int:
        self._counts[kind] = self._counts.get(kind, -1) + 1
        return self._counts[kind]


def yolo_v3() -> Pair:
    """wizyoung/YOLOv3_TensorFlow's model for COCO while its heads are trained, and zzh8829/yolov3-tf2's as it is saved.

    The old one is saved with its optimizer, which an argument asks for; its step is not saved. The new names are the
    paths of the objects of a functional model of seven models, which Keras sorts by their depths: that of the features,
    those that convolve, and those that predict.
    """
    yolo = _Yolo(80)
    body, head = 'darknet53_body', 'yolov3_head'
    x = yolo.unit(body, 0, 3, 32, 3)
    for count, width in ((1, 64), (2, 128), (8, 256), (8, 512), (4, 1024)):
        x = yolo.unit(body, 0, x, width, 3)
        for _ in range(count):
            x = yolo.unit(body, 0, yolo.unit(body, 0, x, width // 2, 1), width, 3)
    for number, (width, skipped) in enumerate(((512, 0), (256, 512), (128, 256))):
        model = number + 1
        if skipped:
            x = yolo.unit(head, model, x, width, 1) + skipped
        for _ in range(2):
            x = yolo.unit(head, model, yolo.unit(head, model, x, width, 1), 2 * width, 3)
        x = yolo.unit(head, model, x, width, 1)
        yolo.output(head, number + 4, yolo.unit(head, number + 4, x, 2 * width, 3))
    powers = {'beta1_power': (), 'beta2_power': ()}
    return with_slots(yolo.names.pair(), 'Adam', 'Adam_1', but=r'darknet53_body|moving_', others=powers)
