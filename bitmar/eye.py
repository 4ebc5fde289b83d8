"""Sees as a board does: the 768 numbers of a picture from an int8 network at 128 px and C integers before and after it.

    image -> picture/ in C: on white, cropped, area average -> int8 [128, 128, 3]
          -> vision.tflite -> int8 map [4, 4, 192] -> bm_object_pool with the scale and shift in vision.bin -> float32 [768]

Up to the network's input every target computes the same bytes, and after it again. The network itself rounds otherwise in the
runtime's accelerator (XNNPACK: most cells of the map by one step at most) than in its reference kernels, which a board has.
"""

from __future__ import annotations

import ctypes
from ctypes import c_int32, c_size_t, c_void_p
from pathlib import Path

import numpy as np
from PIL import Image

from bitmar.errors import BitmarError
from bitmar.image_file import is_transparent
from bitmar.native import library
from bitmar.runtime import Graph

SIZE, FEATURES = 128, 768
ROWS = 64  # of an image that are copied at a time
NETWORK, POOLING = "vision.tflite", "vision.bin"


def prepare(image: Image.Image) -> np.ndarray:
    """A Pillow image of 8 bits a channel -> int8 [128, 128, 3], RGB - 128.

    Raises:
      BitmarError: a side of more than 16,384 pixels.
    """
    mode = "RGBA" if is_transparent(image) else "RGB"
    pixels = pixels_of(image if image.mode == mode else image.convert(mode))
    out = np.empty((SIZE, SIZE, 3), np.int8)
    height, width, channels = pixels.shape
    status = library.load().pic_prepare(
        c_int32(channels),
        c_void_p(pixels.ctypes.data),
        c_int32(width),
        c_int32(height),
        c_size_t(pixels.strides[0]),
        c_void_p(out.ctypes.data),
    )
    if status:
        raise BitmarError(f"picture of {width}x{height} pixels: expected at most 16384 a side")
    return out


def pixels_of(image: Image.Image) -> np.ndarray:
    """uint8 [height, width, channels], as `np.asarray` gives it, which would need three times as much RAM meanwhile."""
    pixels = np.empty((image.height, image.width, len(image.getbands())), np.uint8)
    for top in range(0, image.height, ROWS):
        strip = image.crop((0, top, image.width, min(top + ROWS, image.height)))
        pixels[top : top + ROWS] = np.asarray(strip)
    return pixels


def pool(cells: np.ndarray, zero_point: int, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """int8 map [side, side, channels], float32 scale and shift [4 * channels] -> float32 [4 * channels]: bm_object_pool."""
    cells = np.ascontiguousarray(cells, np.int8)
    side, _, channels = cells.shape
    out = np.empty(4 * channels, np.float32)
    scale, shift = (np.ascontiguousarray(numbers, np.float32) for numbers in (scale, shift))
    if scale.shape != out.shape or shift.shape != out.shape:
        raise BitmarError(f"pooling of {channels} channels: {scale.size} scales, expected {out.size}")
    pointers = [c_void_p(array.ctypes.data) for array in (scale, shift, out)]
    status = library.load().bm_object_pool(
        c_void_p(cells.ctypes.data), c_int32(zero_point), c_int32(side), c_int32(channels), *pointers
    )
    if status:
        raise BitmarError(f"pooling of a map {cells.shape}: {status_text(status)}")
    return out


def status_text(status: int) -> str:
    """The kernels' sentence."""
    lib = library.load()
    lib.bm_status_text.restype = ctypes.c_char_p
    return lib.bm_status_text(c_int32(status)).decode()


class Eye:
    """vision.tflite (int8 picture -> int8 map) and vision.bin of a folder; not vision.bin where `standardised` is false.

    Raises:
      BitmarError: a file is missing, or of another shape.
    """

    def __init__(self, folder: Path, runtime: str | None = None, threads: int = 2, standardised: bool = True):
        self.graph = Graph(folder / NETWORK, runtime, ternary=False, threads=threads)
        details = [*self.graph.interpreter.get_input_details(), *self.graph.interpreter.get_output_details()]
        found = [(list(map(int, detail["shape"])), np.dtype(detail["dtype"]).name) for detail in details]
        if found != [([1, SIZE, SIZE, 3], "int8"), ([1, SIZE // 32, SIZE // 32, FEATURES // 4], "int8")]:
            raise BitmarError(
                f"{folder / NETWORK}: tensors {found}, expected an int8 map of an int8 picture of {SIZE} px"
            )
        self.input, self.output = (detail["index"] for detail in details)
        self.zero_point = int(details[1]["quantization"][1])
        self.scale, self.shift = np.ones(FEATURES, np.float32), np.zeros(FEATURES, np.float32)
        if standardised:
            self.scale, self.shift = read_pooling(folder / POOLING)

    def cells(self, pixels: np.ndarray) -> np.ndarray:
        """int8 [128, 128, 3] -> the network's map, int8 [4, 4, 192]."""
        self.graph.interpreter.set_tensor(self.input, pixels[None])
        self.graph.interpreter.invoke()
        return self.graph.interpreter.get_tensor(self.output)[0]

    def features(self, image: Image.Image) -> np.ndarray:
        """float32 [768], standardised where the eye is."""
        return pool(self.cells(prepare(image)), self.zero_point, self.scale, self.shift)


def read_pooling(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift, float32 [768] each, little-endian one behind the other; BitmarError where they are not that."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BitmarError(
            f"{path}: cannot be read ({error.strerror}), expected scale and shift of the features"
        ) from None
    if len(content) != 8 * FEATURES or not np.isfinite(numbers := np.frombuffer(content, "<f4")).all():
        raise BitmarError(f"{path}: {len(content)} bytes, expected {2 * FEATURES} finite float32 numbers")
    return numbers[:FEATURES], numbers[FEATURES:]


def write_pooling(path: Path, mean: np.ndarray, std: np.ndarray) -> None:
    """The scale and shift that standardise numbers of this mean and deviation, float32 [768] each."""
    scale = (1.0 / std).astype("<f4")
    path.write_bytes(scale.tobytes() + (-mean * scale).astype("<f4").tobytes())
