"""The model's configuration: every size, read from configs/*.yaml and checked before anything is built."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bitmar.errors import BitmarError


@dataclass(frozen=True)
class TrainingConfig:
    """How a run trains; the meaning of each key stands beside it in configs/bitmar_ultra_tiny.yaml."""

    minutes: float
    steps: int
    batch: int
    set_size: int
    contrastive_pairs: int
    phrases: int
    long_phrases: float
    renamed: float
    teach_dropout: float
    captions: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    beta_2: float
    gradient_clip: float
    contrastive_temperature: float
    vision_noise: float
    vision_dropout: float
    loss_contrastive: float
    loss_recall: float
    loss_caption: float
    loss_text_query: float
    seed: int


@dataclass(frozen=True)
class BitMarConfig:
    """Sizes of one BitMar; the three published ones are configs/bitmar_{original,tiny_edge,ultra_tiny}.yaml."""

    name: str
    vocabulary: str = field(metadata={"choices": ("bpe", "gpt2")})
    vocab_size: int
    text_dim: int
    text_encoder_layers: int
    text_encoder_heads: int
    text_decoder_layers: int
    text_decoder_heads: int
    max_seq_len: int
    attention_sinks: int
    decoder_top_k: int
    vision: str = field(metadata={"choices": ("lite0", "thumb16", "file")})
    vision_dim: int
    vision_hidden_size: int
    vision_latent_size: int
    vision_tokens: int
    fusion_dim: int
    fusion_layers: int
    fusion_heads: int
    memory_slots: int
    episode_dim: int
    position_features: int
    max_memory_slots_in_ram: int
    memory_alpha: float
    merge_threshold: float
    memory_top_k: int
    memory_temperature: float
    min_importance: float
    slot_dtype: str = field(metadata={"choices": ("float16", "int8")})
    layout: str = field(metadata={"choices": ("b3", "rm2")})
    training: TrainingConfig

    @property
    def pad_id(self) -> int:
        """The id that fills unused token positions; attention never sees it (padding is told by the mask)."""
        return 0 if self.vocabulary == "bpe" else 50256

    @property
    def bos_id(self) -> int:
        return 1 if self.vocabulary == "bpe" else 50256

    @property
    def eos_id(self) -> int:
        return 2 if self.vocabulary == "bpe" else 50256

    @property
    def memory_bytes(self) -> int:
        """Size of memory_slots.bin: slots x dim x bytes per number."""
        return self.memory_slots * self.episode_dim * (2 if self.slot_dtype == "float16" else 1)

    def as_dict(self) -> dict[str, Any]:
        """The YAML file's content again: `from_dict(c.as_dict()) == c`."""
        return dataclasses.asdict(self)


def _typed(cls: type, values: dict[str, Any], where: str) -> dict[str, Any]:
    """Check keys, types and choices of one level of the file; errors name the key."""
    fields = {f.name: f for f in dataclasses.fields(cls)}
    if unknown := sorted(set(values) - set(fields)):
        raise BitmarError(f"{where}: unknown key '{unknown[0]}'; known keys: {', '.join(fields)}")
    if missing := [name for name in fields if name not in values]:
        raise BitmarError(f"{where}: missing key '{missing[0]}'")
    typed = {}
    for name, value in values.items():
        expected = {"int": int, "float": (int, float), "str": str, "TrainingConfig": dict}[fields[name].type]
        if isinstance(value, bool) or not isinstance(value, expected):
            raise BitmarError(f"{where}: {name} is {value!r}, expected {fields[name].type}")
        choices = fields[name].metadata.get("choices")
        if choices and value not in choices:
            raise BitmarError(f"{where}: {name} is '{value}', expected one of {', '.join(choices)}")
        typed[name] = float(value) if fields[name].type == "float" else value
    return typed


def from_dict(values: dict[str, Any], where: str = "config") -> BitMarConfig:
    """Build a checked configuration; `where` (a file's name) begins every error."""
    if not isinstance(values, dict):
        raise BitmarError(f"{where}: expected a mapping of keys to values")
    typed = _typed(BitMarConfig, values, where)
    typed["training"] = TrainingConfig(**_typed(TrainingConfig, values["training"], f"{where}: training"))
    config = BitMarConfig(**typed)
    _check_sizes(config, where)
    return config


def _check_sizes(c: BitMarConfig, where: str) -> None:
    """Sizes that do not fit together are an error that names both keys."""

    def need(ok: bool, message: str) -> None:
        if not ok:
            raise BitmarError(f"{where}: {message}")

    for f in dataclasses.fields(c):
        value = getattr(c, f.name)
        if f.type == "int":
            least = 0 if f.name in ("attention_sinks", "fusion_layers") else 1
            need(value >= least, f"{f.name} is {value}, expected at least {least}")
    for dim, heads in (
        ("text_dim", "text_encoder_heads"),
        ("text_dim", "text_decoder_heads"),
        ("fusion_dim", "fusion_heads"),
    ):
        d, h = getattr(c, dim), getattr(c, heads)
        need(d % h == 0, f"{dim} ({d}) is not a multiple of {heads} ({h})")
    need(c.fusion_dim == c.text_dim, f"fusion_dim ({c.fusion_dim}) must equal text_dim ({c.text_dim})")
    need(
        c.vision_latent_size == c.text_dim,
        f"vision_latent_size ({c.vision_latent_size}) must equal text_dim ({c.text_dim})",
    )
    need(c.vision_dim == 768, f"vision_dim is {c.vision_dim}, expected 768 (the form of a picture)")
    need(c.vision_tokens >= 4, f"vision_tokens is {c.vision_tokens}, expected at least 4 (with one key softmax is 1)")
    need(
        c.attention_sinks < c.max_seq_len,
        f"attention_sinks ({c.attention_sinks}) must be below max_seq_len ({c.max_seq_len})",
    )
    need(
        c.max_memory_slots_in_ram <= c.memory_slots,
        f"max_memory_slots_in_ram ({c.max_memory_slots_in_ram}) exceeds memory_slots ({c.memory_slots})",
    )
    need(
        c.memory_top_k <= c.max_memory_slots_in_ram,
        f"memory_top_k ({c.memory_top_k}) exceeds max_memory_slots_in_ram ({c.max_memory_slots_in_ram})",
    )
    need(c.decoder_top_k <= c.vocab_size, f"decoder_top_k ({c.decoder_top_k}) exceeds vocab_size ({c.vocab_size})")
    need(0 < c.memory_alpha <= 1, f"memory_alpha is {c.memory_alpha}, expected 0 < alpha <= 1")
    need(-1 <= c.merge_threshold <= 1, f"merge_threshold is {c.merge_threshold}, expected a cosine, -1 to 1")
    need(c.memory_temperature > 0, f"memory_temperature is {c.memory_temperature}, expected more than 0")
    if c.vocabulary == "gpt2":
        need(c.vocab_size == 50257, f"vocab_size is {c.vocab_size}, expected 50257 for vocabulary gpt2")
    else:
        need(c.vocab_size >= 300, f"vocab_size is {c.vocab_size}, expected at least 300 (256 bytes and special tokens)")
    need(
        c.training.batch % c.training.set_size == 0,
        f"training: batch ({c.training.batch}) is not a multiple of set_size ({c.training.set_size})",
    )
    need(
        c.training.captions <= c.training.batch,
        f"training: captions ({c.training.captions}) exceeds batch ({c.training.batch})",
    )


def load_config(path: str | Path) -> BitMarConfig:
    """Read configs/*.yaml. Raises BitmarError naming the file, the key and what was expected."""
    import yaml

    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BitmarError(f"{path}: cannot be read: {error.strerror}; expected a YAML file, see configs/") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BitmarError(f"{path}: not a YAML file: {' '.join(str(error).split())}") from None
    return from_dict(values, str(path))
