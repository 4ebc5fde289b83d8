"""One training step: forward, losses, gradients, AdamW; one graph."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from model.bitmar import BitMar
from model.sequence_packing import Packing
from model.streams import Streams, streams
from model.training.batches import Batch
from model.training.channel import fixed_variables
from model.training.losses import (
    class_cross_entropy,
    head_cross_entropy,
    info_nce,
    own_attention,
    slot_accuracy,
    token_cross_entropy,
)
from model.training.shares import Whole

SHARPNESS = (
    3.0  # inverse temperature in the loss of what is read from memory; the answer, the likeliest word, is the same
)
METRICS = ("loss", "recall", "phrases", "caption", "text_query", "text", "slot", "gradient")


class AdamW(keras.optimizers.AdamW):
    """Keras's, given gradients that are summed over all replicas already: they are clipped by the norm of their sum."""

    def _all_reduce_sum_gradients(self, grads_and_vars: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        return grads_and_vars


def make_optimizer(model: BitMar) -> keras.optimizers.Optimizer:
    """AdamW (Loshchilov and Hutter, 2019) with the configuration's weight decay and global gradient clip."""
    t = model.config.training
    optimizer = AdamW(t.learning_rate, weight_decay=t.weight_decay, beta_2=t.beta_2)
    optimizer.exclude_from_weight_decay(var_names=["gain"])
    optimizer.build(trained_here(model))
    return optimizer


def trained_here(model: BitMar) -> list[keras.Variable]:
    """All but the keys of pictures, which are trained before, and the channel: weight decay must not touch them either."""
    keys = [v for part in (model.keys.vision_norm, model.keys.from_vision) for v in part.trainable_variables]
    fixed = {v.path for v in (*keys, *fixed_variables(model))}
    return [v for v in model.trainable_variables if v.path not in fixed]


class TrainStep:
    """`step(batch, learning_rate)` -> metrics by name, floats; the same numbers in every process.

    Not compiled by XLA: its matrix products on a CPU are slower than oneDNN's, and the rest of it uses one core only.
    `share`: which part of the batch the step is given (shares.py).
    """

    def __init__(self, model: BitMar, optimizer: keras.optimizers.Optimizer, share: Whole | None = None) -> None:
        self.model, self.optimizer = model, optimizer
        self.share = share or Whole()
        self._step = tf.function(self._run)

    def __call__(self, batch: Batch, learning_rate: float) -> dict[str, float]:
        inputs = tf.nest.map_structure(tf.constant, batch)
        values = self._step(inputs, tf.constant(learning_rate, tf.float32)).numpy()
        return dict(zip(METRICS, values.tolist(), strict=True))

    def losses(self, b: Batch) -> dict[str, Any]:
        """Forward pass: this share of every loss, the total under "loss"."""
        model, t, share = self.model, self.model.config.training, self.share
        pairs, texts, decoded = b.own_name.shape[0], b.encoder.cells.shape[0], b.decoder.cells.shape[0]
        phrases, captions = texts - pairs, decoded - texts
        dim, sets = model.config.episode_dim, pairs // t.set_size

        # phrases come with any picture or none: neither may disturb what the text says
        any_pair = tf.range(phrases) % pairs
        seen = model.vision.tokens(model.vision(b.taught))
        seen = tf.gather(seen, tf.concat([tf.range(pairs), any_pair], 0)) * b.text_seen[:, None, None]
        # a text that lies in another replica's rows is zeros here: the sum has them all
        (episodes,) = share.summed([model.write(b.tokens, None, seen, b.encoder)])

        # trained before (keys.py) and left as they are
        keys = tf.stop_gradient(model.keys.of_picture(b.taught))
        queries = tf.stop_gradient(model.keys.of_picture(b.asked))
        text_queries = model.keys.of_text(episodes[:pairs])
        alone = b.own_name * (1.0 - b.text_seen[:pairs])
        text_query = share.once(info_nce(text_queries, keys, t.contrastive_temperature, alone))

        context, scores = model.recall_own_set(queries, keys, episodes[:pairs], sets)
        context = tf.concat([context, model.memory.context_of(episodes[pairs:]), tf.zeros((captions, dim))], 0)
        latent = model.vision(b.asked)
        unrelated = tf.gather(latent, any_pair) * b.phrase_seen[:, None]
        latent = tf.concat([latent, unrelated, latent[:captions]], 0)
        remembered = tf.cast(b.recall_weight + b.phrase_weight > 0, tf.float32)
        each = self._each(b, b.previous, context, latent, b.decoder, b.targets, 1.0 + (SHARPNESS - 1.0) * remembered)
        # a read that found another slot holds another text: what it cannot know is not asked of the decoder
        found = own_attention(scores, model.config.memory_temperature)
        found = b.decoder.spread(tf.concat([found, tf.ones(decoded - pairs)], 0)[:, None])[..., 0]
        weights = [b.recall_weight * found + b.phrase_weight, b.recall_weight, b.phrase_weight, b.caption_weight]
        written, recall, phrases_read, caption = share.means(each, weights)
        total = t.loss_recall * written + t.loss_caption * caption + t.loss_text_query * text_query
        text = tf.constant(0.0)
        rows = b.stream.shape[0]
        if rows and t.loss_text:
            nothing = tf.zeros((rows, dim)), tf.zeros((rows, model.config.vision_latent_size))
            through = streams(rows, b.stream.shape[1], model.config)
            text = share.once(tf.reduce_mean(self._each(b, b.stream, *nothing, through, b.stream_targets, None)))
            total += t.loss_text * text
        return {
            "loss": total,
            "recall": recall,
            "phrases": phrases_read,
            "caption": caption,
            "text_query": text_query,
            "text": text,
            "slot": share.once(slot_accuracy(scores)),
        }

    def _each(
        self,
        b: Batch,
        previous: tf.Tensor,
        context: tf.Tensor,
        latent: tf.Tensor,
        where: Packing | Streams,
        targets: tf.Tensor,
        sharpness: tf.Tensor | None,
    ) -> tf.Tensor:
        """-log p of each target: previous, targets int32 [R, L]; context [N, D], latent [N, L'] of N texts -> float32 [R, L].

        sharpness: float32 [R, L], by which logits are multiplied before (None: by 1).
        """
        classes, chosen = self.model.config.word_classes, self.model.config.training.head_words
        logits = self.model.decode(previous, context, latent, where, b.words if classes or chosen else None)
        if sharpness is not None:
            logits *= sharpness[..., None]
        if classes:
            return class_cross_entropy(logits, targets, b.words, b.word_weight, classes)
        if chosen:
            return head_cross_entropy(logits, targets, b.word_weight)
        return token_cross_entropy(logits, targets)

    def _run(self, batch: Batch, learning_rate: tf.Tensor) -> tf.Tensor:
        self.optimizer.learning_rate.assign(learning_rate)
        return self.update(batch)

    def update(self, batch: Batch) -> tf.Tensor:
        """One update of the weights: float32 [len(METRICS)]."""
        # tf.function hands named tuples through, but not their nesting's class
        batch = batch._replace(encoder=Packing(*batch.encoder), decoder=Packing(*batch.decoder))
        with tf.GradientTape() as tape:
            losses = self.losses(batch)
        variables = trained_here(self.model)
        gradients = tape.gradient(losses["loss"], variables)
        gradients = [
            tf.zeros_like(v) if g is None else tf.convert_to_tensor(g)
            for g, v in zip(gradients, variables, strict=True)
        ]
        *gradients, losses = self.share.summed([*gradients, tf.stack([*losses.values()])])
        clip = self.model.config.training.gradient_clip
        gradients, norm = tf.clip_by_global_norm(gradients, clip)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return tf.concat([losses, norm[None]], 0)


def as_arrays(metrics: list[dict[str, float]]) -> dict[str, np.ndarray]:
    """A list of steps' metrics -> one float64 array for each name."""
    return {name: np.array([m[name] for m in metrics]) for name in METRICS} if metrics else {}
