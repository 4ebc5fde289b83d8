"""BitMar: vision encoder, text encoder with fusion, episodic memory and decoder, put together from a configuration."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.config import BitMarConfig, from_dict
from model.episodic_memory import EpisodeHead, EpisodicMemory, KeyHead
from model.functional import KeyValueCache
from model.sequence_packing import Packing
from model.text_decoder import TextDecoder
from model.text_encoder import TextEncoder
from model.vision_encoder import VisionEncoder


@keras.saving.register_keras_serializable(package="bitmar")
class BitMar(keras.Model):
    """The whole model. `encode`, `read` and `decode_step` are the three functions that become flatbuffers (convert/graphs.py);
    training computes many sequences at a time with the same layers."""

    def __init__(self, config: BitMarConfig | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        c = self.config = config if isinstance(config, BitMarConfig) else from_dict(config)
        self.vision = VisionEncoder(
            c.vision_dim, c.vision_hidden_size, c.vision_latent_size, c.vision_tokens, name="vision"
        )
        self.text = TextEncoder(
            c.vocab_size,
            c.max_seq_len,
            c.text_dim,
            c.text_encoder_layers,
            c.text_encoder_heads,
            c.fusion_layers,
            c.fusion_heads,
            name="text",
        )
        self.episode = EpisodeHead(c.max_seq_len, c.position_features, c.episode_dim, c.text_dim, name="episode")
        self.keys = KeyHead(c.vision_dim, c.episode_dim, name="keys")
        self.memory = EpisodicMemory(c.episode_dim, c.memory_top_k, c.memory_temperature, name="memory")
        self.decoder = TextDecoder(
            c.vocab_size,
            c.max_seq_len,
            c.text_dim,
            c.text_decoder_layers,
            c.text_decoder_heads,
            c.episode_dim,
            c.position_features,
            c.vision_latent_size,
            c.decoder_shortlist,
            c.decoder_class_words,
            name="decoder",
        )
        for part in self.parts():
            part.build()
        self.built = True

    def parts(self) -> list[keras.layers.Layer]:
        """The components, in the order of the parameter table."""
        return [self.vision, self.text, self.episode, self.keys, self.memory, self.decoder]

    def encode(self, tokens: keras.KerasTensor, mask: keras.KerasTensor, vision: keras.KerasTensor) -> dict[str, Any]:
        """What a picture and a text become; either may be missing.

        Args: tokens int32 [B, T]; mask [B, T], all 0 = no text; vision float32 [B, 768], all 0 = no picture.
        Returns: episode, key, query: float32 [B, D]; latent: float32 [B, L].
        """
        latent = self.vision(vision)
        episode = self.write(tokens, mask, self.vision.tokens(latent))
        key, query = self.keys(vision, episode)
        return {"episode": episode, "key": key, "query": query, "latent": latent}

    def write(
        self,
        tokens: keras.KerasTensor,
        mask: keras.KerasTensor | None,
        vision_tokens: keras.KerasTensor,
        packing: Packing | None = None,
    ) -> keras.KerasTensor:
        """Texts seen with a picture -> episodes float32 [B, D]; see TextEncoder.call and EpisodeHead.call."""
        return self.episode(self.text(tokens, mask, vision_tokens, packing), mask, packing)

    def recall(
        self, query: keras.KerasTensor, keys: keras.KerasTensor, episodes: keras.KerasTensor
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """See EpisodicMemory.call."""
        return self.memory(query, keys, episodes)

    def recall_own_set(
        self, queries: keras.KerasTensor, keys: keras.KerasTensor, episodes: keras.KerasTensor, sets: int
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """`sets` memories, each asked with its own members' queries: all float32 [sets * K, D].

        Returns: (context float32 [sets * K, D], scores float32 [sets, K, K]).
        """
        dim = self.config.episode_dim
        queries, keys, episodes = (ops.reshape(x, (sets, -1, dim)) for x in (queries, keys, episodes))
        context, scores = self.recall(queries, keys, episodes)
        return ops.reshape(context, (-1, dim)), scores

    def read(
        self, scores: keras.KerasTensor, episodes: keras.KerasTensor, allowed: keras.KerasTensor
    ) -> keras.KerasTensor:
        """See EpisodicMemory.read."""
        return self.memory.read(scores, episodes, allowed)

    def decode(
        self,
        inputs: keras.KerasTensor,
        context: keras.KerasTensor,
        latent: keras.KerasTensor,
        packing: Packing | None = None,
        words: keras.KerasTensor | None = None,
    ) -> keras.KerasTensor:
        """See TextDecoder.call."""
        return self.decoder(inputs, context, latent, packing, words)

    def likeliest(
        self,
        inputs: keras.KerasTensor,
        context: keras.KerasTensor,
        latent: keras.KerasTensor,
        position: keras.KerasTensor | None = None,
    ) -> keras.KerasTensor:
        """The word that greedy decoding puts after each position, int32 [B, T]; after one of them alone, [B]."""
        x = self.decoder.hidden(inputs, context, latent)
        return self.decoder.likeliest(x if position is None else ops.take(x, position, axis=1))

    def decode_step(
        self,
        token: keras.KerasTensor,
        slot: keras.KerasTensor,
        context: keras.KerasTensor,
        latent: keras.KerasTensor,
        caches: list[KeyValueCache],
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """See TextDecoder.step; `decoder_top_k` candidates."""
        return self.decoder.step(token, slot, context, latent, caches, self.config.decoder_top_k)

    def call(self, inputs: dict[str, keras.KerasTensor]) -> keras.KerasTensor:
        """Teach and ask in one pass: each picture is asked for in a memory of its own set.

        Args: inputs: tokens int32 [S*K, T], mask float32 [S*K, T], taught and asked float32 [S*K, 768], previous int32
            [S*K, T] (<bos> and the name without its last token), sets: S as the static shape of `set_index` int32 [S].
        Returns: logits float32 [S*K, T, V].
        """
        taught = self.encode(inputs["tokens"], inputs["mask"], inputs["taught"])
        queries = self.keys.of_picture(inputs["asked"])
        sets = inputs["set_index"].shape[0]
        context, _ = self.recall_own_set(queries, taught["key"], taught["episode"], sets)
        return self.decode(inputs["previous"], context, self.vision(inputs["asked"]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "config": self.config.as_dict()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> BitMar:
        return cls(**config)
