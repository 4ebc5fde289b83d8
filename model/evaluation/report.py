"""All questions of an evaluation, and what they add up to."""

from __future__ import annotations

from typing import Any

import numpy as np

from bitmar.errors import BitmarError
from model.bitmar import BitMar
from model.data.pictograms import Dataset
from model.data.tokenizers import TextTokenizer
from model.evaluation.ask import Asker
from model.evaluation.baseline import nearest_neighbour, wilson
from model.evaluation.questions import make_questions

WAYS = (8, 16)
SEED = 2026


def _share(right: np.ndarray) -> tuple[float, list[float]]:
    low, high = wilson(int(right.sum()), len(right))
    return round(float(right.mean()), 4), [round(low, 4), round(high, 4)]


def evaluate(
    model: BitMar, dataset: Dataset, tokenizer: TextTokenizer, count: int = 2000, seed: int = SEED
) -> dict[str, Any]:
    """Slot found and name decoded exactly, 8 and 16 ways; captions without memory; baselines.

    {"ways": {"8": {"known_new_artist": {"slot", "exact", "n", "slot_interval", "exact_interval"}, "held_out": ...}, "16": ...},
     "caption_without_memory": {"known_new_artist": {"exact", "n", "interval", "chance"}, "held_out": ...},
     "nearest_neighbour": {"8": {"known_new_artist": {"slot", "n", "interval"}, ...}, ...}, "chance": {"8": 0.125, ...}, ...}
    """
    asker = Asker(model, dataset, tokenizer)
    kinds = {
        "known_new_artist": dataset.known_pairs(),
        "held_out": dataset.held_out_pairs(),
        "held_out_line_art": dataset.hard_style_pairs(),
    }
    concepts = {name: len(np.unique(dataset.concept[pairs[:, 0]])) for name, pairs in kinds.items()}
    kinds = {name: pairs for name, pairs in kinds.items() if concepts[name] >= min(WAYS)}
    if not kinds:
        raise BitmarError(
            f"evaluation: {concepts} concepts with two drawings, expected at least {min(WAYS)} of one kind"
        )
    report: dict[str, Any] = {"ways": {}, "nearest_neighbour": {}, "caption_without_memory": {}}
    for ways in WAYS:
        answers = report["ways"][str(ways)] = {}
        baseline = report["nearest_neighbour"][str(ways)] = {}
        for name, pairs in kinds.items():
            if concepts[name] < ways:
                continue
            questions = make_questions(pairs, dataset.concept, ways, count, seed)
            best, context = asker.read(questions)
            written = asker.write_names(context, questions.asked)
            exact = np.array([a == b for a, b in zip(written, asker.truth(questions.asked), strict=True)])
            slot, slot_interval = _share(best == questions.answer)
            share, interval = _share(exact)
            answers[name] = {
                "slot": slot,
                "exact": share,
                "n": count,
                "slot_interval": slot_interval,
                "exact_interval": interval,
            }
            slot, interval = _share(nearest_neighbour(dataset.features, questions))
            baseline[name] = {"slot": slot, "n": count, "interval": interval}
    for name, pairs in kinds.items():
        questions = make_questions(pairs, dataset.concept, WAYS[0], count, seed + 1)
        empty = np.zeros((count, model.config.episode_dim), np.float32)
        written = asker.write_names(empty, questions.asked)
        right = np.array([a == b for a, b in zip(written, asker.truth(questions.asked), strict=True)])
        exact, interval = _share(right)
        chance = round(1 / max(1, int((~dataset.held_out).sum())), 5)
        report["caption_without_memory"][name] = {"exact": exact, "n": count, "interval": interval, "chance": chance}
    report["chance"] = {str(ways): 1 / ways for ways in WAYS}
    report["text_round_trip"] = _text_round_trip(asker)
    report["split"] = dataset.split
    report["seed"] = seed
    return report


def _text_round_trip(asker: Asker) -> dict[str, Any]:
    """Held-out names written into an episode without a picture and read back."""
    model = asker.model
    texts = [concept.name for concept in asker.dataset.concepts if concept.held_out]
    if not texts:
        return {"exact": 0.0, "n": 0, "interval": [0.0, 1.0]}
    episode = asker.encode_names(texts)
    latent = np.zeros((len(texts), model.config.vision_latent_size), np.float32)
    ids = asker.decoder(model.memory.context_of(episode).numpy(), latent)
    written = [asker.tokenizer.decode(row.tolist()) for row in ids]
    exact, interval = _share(np.array([a == b for a, b in zip(written, texts, strict=True)]))
    return {"exact": exact, "n": len(texts), "interval": interval}


TITLES = {
    "known_new_artist": "known things, unseen artist",
    "held_out": "held-out things",
    "held_out_line_art": "held-out things, line art",
}


def table(report: dict[str, Any]) -> str:
    """The report as text, intervals in brackets."""

    def cell(share: float, interval: list[float]) -> str:
        return f"{share:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"

    lines = [f"{'':<38}{'slot':<22}{'name exact':<22}{'nearest neighbour':<22}{'chance':<6}"]
    for ways, kinds in report["ways"].items():
        for name, got in kinds.items():
            neighbour = report["nearest_neighbour"][ways][name]
            lines.append(
                f"{ways + '-way, ' + TITLES[name]:<38}{cell(got['slot'], got['slot_interval']):<22}"
                f"{cell(got['exact'], got['exact_interval']):<22}{cell(neighbour['slot'], neighbour['interval']):<22}"
                f"{report['chance'][ways]:.3f}"
            )
    for name, got in report["caption_without_memory"].items():
        lines.append(f"{'caption without memory, ' + TITLES[name]:<60}{cell(got['exact'], got['interval'])}")
    trip = report["text_round_trip"]
    lines.append(f"{'held-out names through an episode, no picture':<60}{cell(trip['exact'], trip['interval'])}")
    count = next(iter(report["caption_without_memory"].values()))["n"]
    lines.append(f"split {report['split']}, seed {report['seed']}, {count} questions each")
    return "\n".join(lines)
