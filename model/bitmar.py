"""BitMar: vision encoder, text encoder with fusion, episodic memory and decoder, put together from a configuration."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.config import BitMarConfig, from_dict
from model.episodic_memory import EpisodeHead, EpisodicMemory, KeyHead
from model.text_decoder import TextDecoder
from model.text_encoder import TextEncoder
from model.vision_encoder import VisionEncoder


@keras.saving.register_keras_serializable(package="bitmar")
class BitMar(keras.Model):
    """The whole model. `encode`, `recall` and `decode` are the three functions that become flatbuffers."""

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

        Args: tokens int32 [B, T]; mask float32 [B, T], all 0 = no text; vision float32 [B, 768], all 0 = no picture.
        Returns: episode, key, query: float32 [B, D]; latent: float32 [B, L].
        """
        latent = self.vision(vision)
        episode = self.episode(self.text(tokens, mask, self.vision.tokens(latent)), mask)
        key, query = self.keys(vision, episode)
        return {"episode": episode, "key": key, "query": query, "latent": latent}

    def recall(
        self, query: keras.KerasTensor, keys: keras.KerasTensor, episodes: keras.KerasTensor
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """See EpisodicMemory.call."""
        return self.memory(query, keys, episodes)

    def decode(
        self, inputs: keras.KerasTensor, context: keras.KerasTensor, latent: keras.KerasTensor
    ) -> keras.KerasTensor:
        """See TextDecoder.call."""
        return self.decoder(inputs, context, latent)

    def call(self, inputs: dict[str, keras.KerasTensor]) -> keras.KerasTensor:
        """Teach and ask in one pass: each picture is asked for in a memory of its own set.

        Args: inputs: tokens int32 [S*K, T], mask float32 [S*K, T], taught and asked float32 [S*K, 768], previous int32
            [S*K, T] (<bos> and the name without its last token), sets: S as the static shape of `set_index` int32 [S].
        Returns: logits float32 [S*K, T, V].
        """
        sets = inputs["set_index"].shape[0]
        taught = self.encode(inputs["tokens"], inputs["mask"], inputs["taught"])
        asked_key, _ = self.keys(inputs["asked"], ops.zeros_like(taught["episode"]))
        grouped = [ops.reshape(x, (sets, -1, self.config.episode_dim)) for x in (asked_key, taught["key"])]
        episodes = ops.reshape(taught["episode"], (sets, -1, self.config.episode_dim))
        context, _ = self.recall(*grouped, episodes)
        context = ops.reshape(context, (-1, self.config.episode_dim))
        return self.decode(inputs["previous"], context, self.vision(inputs["asked"]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "config": self.config.as_dict()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> BitMar:
        return cls(**config)
