"""The model's configuration: every size, read from configs/*.yaml and checked before anything is built."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, Strict, ValidationError
from pydantic.dataclasses import dataclass

from bitmar.errors import BitmarError
from model.strict_yaml import read_mapping
from model.word_classes import WordClasses

MAX_WEIGHTS = 200_000_000  # training holds each four times as float32; the largest published configuration has 36 M
KERNEL_COLUMNS = 65_536  # BM_MAX_COLS of kernels/include/bitmar_kernels.h
MAX_VOCABULARY = 65_535  # of tokenizer.bin, tokenizer/include/bpe.h
MAX_SLOTS, MIN_DIM, MAX_DIM = 32_768, 16, 256  # ms_config of memstore/include/memstore.h

Whole = Annotated[int, Strict()]
Real = Annotated[float, Strict()]
Layers = Annotated[Whole, Field(ge=1, le=64)]
Heads = Annotated[Whole, Field(ge=1, le=64)]
Width = Annotated[Whole, Field(ge=1, le=4096)]
Count = Annotated[Whole, Field(ge=1, le=8192)]
Share = Annotated[Real, Field(ge=0, le=1)]
LossWeight = Annotated[Real, Field(ge=0, le=1000)]
STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, config=STRICT)
class TrainingConfig:
    """How a run trains; the meaning of each key stands beside it in configs/bitmar_ultra_tiny.yaml."""

    minutes: Annotated[Real, Field(gt=0, le=100_000)] | None
    steps: Annotated[Whole, Field(ge=1, le=10_000_000)]
    batch: Count
    set_size: Count
    key_steps: Annotated[Whole, Field(ge=0, le=1_000_000)]
    contrastive_pairs: Count
    key_anchor: Annotated[Real, Field(ge=0, le=1e6)]
    phrases: Annotated[Whole, Field(ge=0, le=8192)]
    long_phrases: Share
    renamed: Share
    teach_dropout: Share
    captions: Annotated[Whole, Field(ge=0, le=8192)]
    learning_rate: Annotated[Real, Field(gt=0, le=1)]
    warmup_steps: Annotated[Whole, Field(ge=1, le=10_000_000)]  # 1: none
    weight_decay: Annotated[Real, Field(ge=0, le=1)]
    beta_2: Annotated[Real, Field(ge=0, lt=1)]
    gradient_clip: Annotated[Real, Field(gt=0, le=1e6)]
    contrastive_temperature: Annotated[Real, Field(ge=1e-4, le=100)]
    vision_noise: Annotated[Real, Field(ge=0, le=1000)]
    vision_dropout: Annotated[Real, Field(ge=0, lt=1)]
    loss_recall: LossWeight
    loss_caption: LossWeight
    loss_text_query: LossWeight
    seed: Annotated[Whole, Field(ge=0, lt=2**32)]
    head_words: Annotated[Whole, Field(ge=0, le=MAX_VOCABULARY)] = 0
    rare_words: Annotated[Real, Field(ge=0, lt=1)] = 0.0
    text_rows: Annotated[Whole, Field(ge=0, le=8192)] = 0
    loss_text: LossWeight = 1.0


@dataclass(frozen=True, config=STRICT)
class BitMarConfig:
    """Sizes of one BitMar; the three published ones are configs/bitmar_{original,tiny_edge,ultra_tiny}.yaml."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    vocabulary: Literal["bpe", "gpt2"]
    vocab_size: Annotated[Whole, Field(ge=300, le=MAX_VOCABULARY)]  # 256 bytes, special tokens, some merges
    text_dim: Width
    text_encoder_layers: Layers
    text_encoder_heads: Heads
    text_decoder_layers: Layers
    text_decoder_heads: Heads
    max_seq_len: Annotated[Whole, Field(ge=4, le=2048)]
    attention_sinks: Annotated[Whole, Field(ge=0, le=2047)]
    decoder_top_k: Annotated[Whole, Field(ge=1, le=64)]
    vision: Literal["lite0_128", "thumb16", "file"]
    vision_dim: Literal[768]  # the form of a picture
    vision_hidden_size: Width
    vision_latent_size: Width
    vision_tokens: Annotated[Whole, Field(ge=4, le=64)]  # with one key the softmax is always 1
    fusion_dim: Width
    fusion_layers: Annotated[Whole, Field(ge=0, le=64)]
    fusion_heads: Heads
    memory_slots: Annotated[Whole, Field(ge=1, le=MAX_SLOTS)]
    episode_dim: Annotated[Whole, Field(ge=MIN_DIM, le=MAX_DIM)]
    position_features: Annotated[Whole, Field(ge=1, le=256)]
    max_memory_slots_in_ram: Annotated[Whole, Field(ge=1, le=MAX_SLOTS)]
    memory_alpha: Annotated[Real, Field(gt=0, le=1)]
    merge_threshold: Annotated[Real, Field(ge=-1, le=1)]  # a cosine
    memory_top_k: Annotated[Whole, Field(ge=1, le=MAX_SLOTS)]
    memory_temperature: Annotated[Real, Field(ge=1e-4, le=100)]
    min_importance: Share
    slot_dtype: Literal["float16", "int8"]
    layout: Literal["b3", "rm2"]
    training: TrainingConfig
    decoder_shortlist: Annotated[Whole, Field(ge=0, le=MAX_VOCABULARY)] = 0
    decoder_class_words: Annotated[Whole, Field(ge=0, le=MAX_VOCABULARY)] = 0

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
    def word_classes(self) -> WordClasses | None:
        """How the decoder's head divides its words; None: it does not."""
        if not self.decoder_class_words:
            return None
        return WordClasses(self.vocab_size, self.decoder_shortlist, self.decoder_class_words)

    @property
    def memory_bytes(self) -> int:
        """Size of memory_slots.bin: slots x dim x bytes per number."""
        return self.memory_slots * self.episode_dim * (2 if self.slot_dtype == "float16" else 1)

    @property
    def least_weights(self) -> int:
        """Ternary weights of the token tables and the blocks, most of a model's: known before anything is built."""
        blocks = self.text_encoder_layers + self.fusion_layers + self.text_decoder_layers
        return 2 * self.vocab_size * self.text_dim + 12 * blocks * self.text_dim**2

    def as_dict(self) -> dict[str, Any]:
        """The YAML file's content again: `from_dict(c.as_dict()) == c`."""
        return dataclasses.asdict(self)


UPSTREAM = {  # keys of the original BitMar's configuration, below `model:`, and ours
    "text_encoder_dim": "text_dim",
    "text_decoder_dim": "text_dim",
    "vision_encoder_dim": "vision_dim",
    "fusion_hidden_size": "fusion_dim",
    "fusion_num_heads": "fusion_heads",
    "fusion_num_layers": "fusion_layers",
    "memory_size": "memory_slots",
}


def from_dict(values: dict[str, Any], where: str = "config") -> BitMarConfig:
    """Build a checked configuration; `where` (a file's name) begins every error, which is one line."""
    if isinstance(values, dict) and isinstance(values.get("model"), dict):
        renamed = ", ".join(f"{theirs} is {ours}" for theirs, ours in UPSTREAM.items())
        raise BitmarError(
            f"{where}: nested key 'model', as in the original BitMar's files; expected the keys at the top, "
            f"as in configs/bitmar_ultra_tiny.yaml ({renamed})"
        )
    if isinstance(values, dict) and "training" in values:
        values = values | {"training": _checked(TrainingConfig, values["training"], f"{where}: training")}
    config = _checked(BitMarConfig, values, where)
    _check_sizes(config, where)
    return config


def with_training(config: BitMarConfig, where: str, **changes: Any) -> BitMarConfig:
    """The configuration with other values of training keys, checked like a file's; `where` begins every error."""
    values = config.as_dict()
    return from_dict(values | {"training": values["training"] | changes}, where)


def _checked(cls: type, values: Any, where: str) -> Any:
    """One level of the file as its dataclass; an error names the first wrong key, its value and what was expected."""
    if not isinstance(values, dict):
        raise BitmarError(f"{where}: {_short(values)}, expected a mapping of keys to values")
    known = [f.name for f in dataclasses.fields(cls)]
    if unknown := [key for key in values if key not in known]:
        raise BitmarError(f"{where}: unknown key {_short(unknown[0])}; known keys: {', '.join(known)}")
    try:
        return cls(**values)
    except ValidationError as error:
        first, *others = error.errors(include_url=False)
    name = first["loc"][0]
    if first["type"] == "missing":
        raise BitmarError(f"{where}: missing key '{name}'")
    expected = first["msg"].removeprefix("Input should be ").removeprefix("String should ")
    for theirs, ours in WORDS.items():
        expected = expected.replace(theirs, ours)
    more = f" ({len(others)} more wrong or missing)" if others else ""
    raise BitmarError(f"{where}: {name} is {_short(values[name])}, expected {expected}{more}")


WORDS = {  # in pydantic's messages
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "greater than": "more than",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "text",
    "match pattern '^[A-Za-z0-9_-]{1,64}$'": "1 to 64 letters, digits, '_' and '-' (no folder)",
}


def _short(value: Any) -> str:
    """repr of a value, cut where it is long: an error is one line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _check_sizes(c: BitMarConfig, where: str) -> None:
    """Sizes that do not fit together, or not into the device, are an error that names the keys."""

    def need(ok: bool, message: str) -> None:
        if not ok:
            raise BitmarError(f"{where}: {message}")

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
    need(
        c.attention_sinks < c.max_seq_len,
        f"attention_sinks ({c.attention_sinks}) must be below max_seq_len ({c.max_seq_len})",
    )
    need(
        c.max_seq_len * c.position_features <= KERNEL_COLUMNS,
        f"max_seq_len x position_features is {c.max_seq_len * c.position_features}, expected at most {KERNEL_COLUMNS}",
    )
    need(
        c.episode_dim & (c.episode_dim - 1) == 0,
        f"episode_dim is {c.episode_dim}, expected a power of two, {MIN_DIM} to {MAX_DIM} (the card's format)",
    )
    need(
        c.position_features <= min(c.text_dim, c.episode_dim),
        f"position_features is {c.position_features}, expected at most text_dim ({c.text_dim}) and episode_dim ({c.episode_dim})",
    )
    need(
        c.max_memory_slots_in_ram <= c.memory_slots,
        f"max_memory_slots_in_ram ({c.max_memory_slots_in_ram}) exceeds memory_slots ({c.memory_slots})",
    )
    need(
        c.memory_top_k <= c.max_memory_slots_in_ram,
        f"memory_top_k ({c.memory_top_k}) exceeds max_memory_slots_in_ram ({c.max_memory_slots_in_ram})",
    )
    if c.vocabulary == "gpt2":
        need(c.vocab_size == 50257, f"vocab_size is {c.vocab_size}, expected 50257 for vocabulary gpt2")
    if c.decoder_class_words:
        need(
            c.decoder_top_k <= c.decoder_shortlist < c.vocab_size,
            f"decoder_shortlist is {c.decoder_shortlist}, expected decoder_top_k ({c.decoder_top_k}) to vocab_size - 1 "
            f"({c.vocab_size - 1}) with decoder_class_words",
        )
    else:
        need(not c.decoder_shortlist, "decoder_shortlist without decoder_class_words, expected both or neither")
    need(
        c.least_weights <= MAX_WEIGHTS,
        f"vocab_size, text_dim and layers give {c.least_weights:,} weights, expected at most {MAX_WEIGHTS:,}",
    )
    t = c.training
    need(t.batch % t.set_size == 0, f"training: batch ({t.batch}) is not a multiple of set_size ({t.set_size})")
    need(t.captions <= t.batch, f"training: captions ({t.captions}) exceeds batch ({t.batch})")
    need(
        any((t.loss_recall, t.loss_caption, t.loss_text_query)),
        "training: every loss_* is 0, expected one that is more",
    )


def load_config(path: str | Path) -> BitMarConfig:
    """Read configs/*.yaml. Raises BitmarError naming the file, the key and what was expected."""
    return from_dict(read_mapping(Path(path)), str(path))
