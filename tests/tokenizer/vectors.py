"""Test vectors for machines without files: a C file with a table, texts and the ids that Hugging Face gives them.

    python -m tests.tokenizer.vectors OUT.c [--vocabulary small|gpt2] [--cases N] [--seed S]

Compile it with check_vectors.c, whose check_tokenizer_vectors() compares; the caller has main().
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

from tokenizers import Tokenizer

from convert.tokenizer_table import write_table

from . import random_text, reference, vocabularies

SPECIAL = {"small": (vocabularies.PAD, vocabularies.BOS, vocabularies.EOS), "gpt2": (vocabularies.GPT2_END,) * 3}


def array(type_: str, name: str, values: list[int]) -> str:
    lines = [",".join(map(str, values[i : i + 32])) for i in range(0, len(values), 32)] or ["0"]
    return f"const {type_} {name}[] = {{\n" + ",\n".join(lines) + "};\n"


def c_source(table: bytes, tokenizer: Tokenizer, cases: list[bytes]) -> str:
    """Declarations as in check_vectors.h; texts and ids lie end to end, with their sizes beside them."""
    ids = [reference.encode(tokenizer, case) for case in cases]
    return (
        "/* Written by tests/tokenizer/vectors.py. */\n"
        '#include "check_vectors.h"\n\n'
        f"const uint32_t tokenizer_vector_count = {len(cases)};\n"
        f"const uint32_t tokenizer_vector_table_size = {len(table)};\n"
        + array("uint8_t", "tokenizer_vector_table", list(table))
        + array("uint8_t", "tokenizer_vector_texts", list(b"".join(cases)))
        + array("uint16_t", "tokenizer_vector_text_sizes", [len(case) for case in cases])
        + array("uint16_t", "tokenizer_vector_ids", [token for row in ids for token in row])
        + array("uint16_t", "tokenizer_vector_id_counts", [len(row) for row in ids])
    )


def write_vectors(out: Path, vocabulary: str = "small", cases: int = 200, seed: int = 1) -> None:
    """Write OUT.c: `cases` texts of at most 256 bytes, half of them not UTF-8."""
    tokenizer = vocabularies.trained(1024) if vocabulary == "small" else vocabularies.gpt2()
    rng = random.Random(seed)
    texts: list[bytes] = []
    while len(texts) < cases:
        text = random_text.broken(rng) if len(texts) % 2 else random_text.text(rng).encode()
        if len(text) <= 256:
            texts.append(text)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(f"{folder}/tokenizer.json")
        write_table(f"{folder}/tokenizer.json", f"{folder}/tokenizer.bin", *SPECIAL[vocabulary])
        table = Path(folder, "tokenizer.bin").read_bytes()
    out.write_text(c_source(table, tokenizer, texts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--vocabulary", choices=sorted(SPECIAL), default="small")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    write_vectors(args.out, args.vocabulary, args.cases, args.seed)


if __name__ == "__main__":
    main()
