"""`--strategy none | mirrored | multiworker`: on which devices and in which processes a run trains."""

from __future__ import annotations

import tensorflow as tf

from bitmar.errors import BitmarError
from model.training.cluster import EXPECTED, read_tf_config
from model.training.replicas import Mirrored, OneProcess
from model.training.workers import Workers


def choose(name: str) -> OneProcess:
    """What `--strategy NAME` means here; before TensorFlow computes anything. BitmarError, one line, where it cannot be."""
    cluster = read_tf_config()
    if name != "multiworker" and cluster is not None and len(cluster.workers) > 1:
        raise BitmarError(
            f"TF_CONFIG names {len(cluster.workers)} workers, but --strategy is {name}; "
            "expected --strategy multiworker, or TF_CONFIG not set"
        )
    gpus = use_gpus()
    if name == "multiworker":
        if cluster is None:
            raise BitmarError(f"--strategy multiworker: TF_CONFIG is not set; {EXPECTED}")
        return Workers(cluster)
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        if not gpus and len(devices) < 2:
            cuda = tf.test.is_built_with_cuda()
            missing = "no GPU was found" if cuda else "this TensorFlow is for processors alone"
            extra = "" if cuda else ": pip install '.[train-gpu]'"
            raise BitmarError(f"--strategy mirrored: {missing}, expected GPUs{extra}; without one: --strategy none")
        return Mirrored(tf.distribute.MirroredStrategy([device.name for device in devices]))
    return OneProcess()


def use_gpus() -> int:
    """Mixed precision on the GPUs that are here, if any: their number.

    Matrix products in TensorFloat-32: factors of 11 significant bits, float32 sums. int8 and ternary codes fit, so the ternary
    forward products stay exact; their gradients are products in bfloat16 anyway (model/functional.py).
    """
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        tf.config.experimental.enable_tensor_float_32_execution(True)
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return len(gpus)
