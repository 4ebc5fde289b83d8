"""Keras' side of the comparison: the model as it was trained, in batches."""

from __future__ import annotations

import keras
import numpy as np

from model.bitmar import BitMar
from tests.convert.device import Answers, Questions


def answer(model: BitMar, q: Questions, device: Answers) -> Answers:
    """Everything from the pictures on; only the tokens fed to the decoder, and the logits, are the device's."""
    taught, asked = encode(model, q, q.taught, True), encode(model, q, q.asked, False)
    grouped = [x.reshape(-1, q.group, x.shape[-1]) for x in (asked["query"], taught["key"], taught["episode"])]
    context, scores = (keras.ops.convert_to_numpy(x) for x in model.recall(*grouped))
    context = context.reshape(-1, context.shape[-1])
    bos = np.full((len(context), 1), model.config.bos_id, np.int32)
    fed = np.concatenate([bos, device.best[:, :-1]], axis=1)
    best = keras.ops.convert_to_numpy(model.likeliest(fed, context, asked["latent"]))
    return Answers(
        episode=taught["episode"],
        key=taught["key"],
        latent=taught["latent"],
        slot=scores.argmax(-1).reshape(-1),
        context=context,
        best=best,
        logit=device.logit,
        there=device.there,
    )


def encode(model: BitMar, q: Questions, vision: np.ndarray, text: bool) -> dict[str, np.ndarray]:
    """float32 [N, D] by output."""
    mask = q.mask if text else np.zeros_like(q.mask)
    out = model.encode(q.tokens, mask.astype(np.float32), vision)
    return {name: keras.ops.convert_to_numpy(value) for name, value in out.items()}
