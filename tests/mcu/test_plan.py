"""Property: the ahead-of-time plan never lets two living buffers overlap, and computes the same bits for every tiling.

Also: equal models give equal C, what the plan cannot do is refused by name, and the arena is near its exact lower bound.
"""

from __future__ import annotations

import ctypes
import json
import random
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitmar.engine import Engine
from bitmar.errors import BitmarError
from bitmar.model_folder import read_model
from convert.aot import arena, flatbuffer, generate, graph, repack
from convert.aot.arena import Buffer
from convert.aot.attention_split import split_attentions
from convert.aot.generate import GRAPHS, STREAM, TILES
from convert.aot.schedule import Schedule
from convert.aot.stream import start_of
from convert.aot.used_rows import used_rows
from convert.layouts import LAYOUT_NAMES, pack, unpack
from deploy.firmware import sections
from tests.mcu.conftest import seeded_picture
from tests.mcu.host_cases import ROOT, compile_host

BLOBS = (
    "bitmar_weights.bin",
    "bitmar_tokenizer.bin",
    "bitmar_cohort.bin",
    "bitmar_cohort_squares.bin",
    "bitmar_pooling.bin",
)
ENGINE = ROOT / "mcu_app" / "src" / "engine_aot" / "engine_aot.c"


def overlapping(buffers: list[Buffer]) -> list[tuple[str, str]]:
    """Pairs that are alive at one time and share bytes: by definition, not by the planner's own test."""
    return [
        (a.name, b.name)
        for i, a in enumerate(buffers)
        for b in buffers[:i]
        if max(a.first, b.first) <= min(a.last, b.last)
        and max(a.offset, b.offset) < min(a.offset + a.bytes, b.offset + b.bytes)
    ]


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 30), st.integers(0, 12)), min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_placement_is_valid_and_bounded(shapes: list[tuple[int, int, int]]) -> None:
    buffers = [Buffer(str(i), size, first, first + life) for i, (size, first, life) in enumerate(shapes)]
    total = arena.place(buffers)
    assert not overlapping(buffers)
    assert all(b.offset >= 0 and b.offset % arena.ALIGNMENT == 0 and b.offset + b.bytes <= total for b in buffers)
    assert arena.lower_bound(buffers) <= total <= sum(b.size for b in buffers)


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("name", GRAPHS)
def test_every_operator_runs_once_after_what_it_needs(
    name: str, tile: int, apart: bool, short: bool, model: Path
) -> None:
    loaded = graph.load(model / f"{name}.tflite", STREAM.get(name, ()))
    if apart:
        split_attentions(loaded)
    schedule = Schedule(loaded, tile, short)
    buffers = schedule.all_buffers()
    total = arena.place(buffers)
    assert not overlapping(buffers)
    assert total <= 1.1 * arena.lower_bound(buffers)
    ran = [o.index for step in schedule.steps for o in step.operators]
    assert sorted(ran) == sorted(
        o.index for o in loaded.operators if o.kind not in ("RESHAPE", "EXPAND_DIMS", "SQUEEZE")
    )
    made = {t.index for t in loaded.tensors if t.data is not None or t.variable}
    made |= {t.index for t in loaded.inputs.values()}
    for step in schedule.steps:
        complete = set(made)
        for operator in step.operators:
            if operator.kind == "BITMAR_ATTENTION":
                assert operator.inputs[1].index in complete
            for tensor in operator.inputs:
                source = tensor.index
                while source not in made and any(o.outputs[0].index == source for o in loaded.operators):
                    source = next(o.inputs[0].index for o in loaded.operators if o.outputs[0].index == source)
                assert source in made, (operator.kind, tensor.name)
            made |= {t.index for t in operator.outputs}


def host_engine(model: Path, folder: Path, tile: int) -> ctypes.CDLL:
    """The generated C for one tiling, compiled for this machine."""
    assert generate(model, folder, tiles=(tile,))["tile"] == tile
    library = compile_host([ENGINE], folder, folder / f"tile{tile}.so", ("-shared", "-fPIC"))
    return ctypes.CDLL(str(library))


@pytest.mark.parametrize("tile", [1, 3, 4, 32])
def test_tiling_and_leaving_out_padding_change_no_bit(tile: int, model: Path, engine: Engine, tmp_path: Path) -> None:
    """Texts of all lengths one after the other, so that each leaves its rows to the next; the longest first."""
    library = host_engine(model, tmp_path, tile)
    dim, latent = engine.model.episode_dim, engine.encode([], None).latent.size
    library.engine_encode.restype = ctypes.c_bool
    library.engine_encode.argtypes = (ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p, ctypes.c_void_p)
    for count in (31, 0, 1, 2, 4, 5, 12, 0):
        tokens = np.array([(5 + 37 * i) % 200 for i in range(count)], np.int32)
        picture = seeded_picture(count)
        q = np.concatenate([picture.q.view(np.uint8), np.frombuffer(np.float32(picture.scale).tobytes(), np.uint8)])
        for seen, data in ((picture, q.tobytes()), (None, None)):
            found = np.zeros(3 * dim + latent, np.float32)
            assert library.engine_encode(tokens.ctypes.data, count, data, found.ctypes.data)
            expected = engine.encode(tokens.tolist(), seen)
            for i, name in enumerate(("episode", "key", "query")):
                assert found[i * dim : (i + 1) * dim].tobytes() == getattr(expected, name).tobytes(), (name, count)
            assert found[3 * dim :].tobytes() == expected.latent.tobytes(), count


def test_padding_is_left_out_only_where_the_mask_hides_it(model: Path) -> None:
    """The encoder's loops end after the last token; without the product with the mask, or with other keys, they do not."""
    loaded = graph.load(model / "encoder.tflite")
    found = used_rows(loaded, Schedule(loaded, 2))
    attentions = [o for o in loaded.operators if o.kind == "BITMAR_ATTENTION"]
    own = {o.index for o in attentions if o.inputs[0].index == o.inputs[1].index}
    assert found is not None and own and found.masked_keys == own
    assert [tensor.rows for tensor in found.zeroed] == [found.rows]
    for name in ("recall", "decoder"):
        other = graph.load(model / f"{name}.tflite")
        assert used_rows(other, Schedule(other, 2)) is None
    product = next(o for o in loaded.operators if o.kind == "MUL")
    product.kind = "ADD"
    assert used_rows(loaded, Schedule(loaded, 2)) is None
    product.kind = "MUL"
    mask = attentions[0].inputs[2]
    attentions[1].inputs[2] = next(t for t in loaded.inputs.values() if t.ctype == "int32_t" and t is not mask)
    assert used_rows(loaded, Schedule(loaded, 2)) is None


def test_the_start_is_what_no_token_changes(model: Path) -> None:
    """By following, the other way round, all that a token, its position and the caches can reach."""
    loaded = graph.load(model / "decoder.tflite", STREAM["decoder"])
    changing = {t.index for name, t in loaded.inputs.items() if name not in ("context", "latent")}
    changing |= {t.index for t in loaded.tensors if t.variable}
    reached = set()
    for operator in loaded.operators:
        if changing & {t.index for t in operator.inputs}:
            reached.add(operator.index)
            changing |= {t.index for t in operator.outputs}
    start = start_of(loaded)
    assert start.operators == {o.index for o in loaded.operators} - reached
    assert sum(o.kind == "BITMAR_TERNARY_FC" for o in loaded.operators if o.index in start.operators) >= 4
    for name in ("encoder", "recall"):
        assert not start_of(graph.load(model / f"{name}.tflite", STREAM.get(name, ()))).operators


def test_streams_with_a_computed_start_have_the_same_bits(model: Path, engine: Engine, tmp_path: Path) -> None:
    """One stream after the other, longer than the window, an encoding between them: nothing of the last one stays."""
    library = host_engine(model, tmp_path, 1)
    window = engine.model.window
    for seed in (1, 2):
        encoding = engine.encode([7, 9] * seed, seeded_picture(seed))
        context = np.ascontiguousarray(encoding.episode.reshape(1, -1), np.float32)
        latent = np.ascontiguousarray(encoding.latent, np.float32)
        library.engine_start(context.ctypes.data_as(ctypes.c_void_p), latent.ctypes.data_as(ctypes.c_void_p))
        token, k = engine.model.bos, engine.model.config["decoder_top_k"]
        ids, logits = np.zeros(k, np.int32), np.zeros(k, np.float32)
        for step, _ in zip(engine.steps(context, latent), range(window + 9), strict=False):
            assert library.engine_step(
                token, ids.ctypes.data_as(ctypes.c_void_p), logits.ctypes.data_as(ctypes.c_void_p)
            )
            assert (ids.tobytes(), logits.tobytes()) == (step.ids.tobytes(), step.logits.tobytes())
            token = int(ids[0])
        library.engine_encode(None, 0, None, np.zeros(4096, np.float32).ctypes.data_as(ctypes.c_void_p))


def test_equal_models_give_equal_files(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(model, copy)
    generate(model, tmp_path / "a")
    generate(copy, tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "b").iterdir())
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()}
    generate(model, tmp_path / "a")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()} == times


@pytest.mark.parametrize(
    ("flags", "section"),
    [(["-D__IMXRT1062__"], ".progmem.bitmar"), (["-DBITMAR_MODEL_SECTION=.qspi"], ".qspi"), ([], None)],
)
def test_the_board_says_where_its_flash_is(flags: list[str], section: str | None, model: Path, tmp_path: Path) -> None:
    """A board that is not known is refused with what to define: weights in RAM would be found out too late."""
    generate(model, tmp_path)
    out = tmp_path / "data.o"
    command = [
        "arm-none-eabi-gcc",
        "-mcpu=cortex-m7",
        *flags,
        f"-Wa,-I{tmp_path}",
        "-c",
        "bitmar_model_data.S",
        "-o",
        str(out),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    if section is None:
        assert done.returncode and "define BITMAR_MODEL_SECTION" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        blobs = [(tmp_path / name).stat().st_size for name in BLOBS]
        assert sum(blobs) <= sections(out)[section] < sum(blobs) + 64


def test_the_wide_layer_is_never_whole_and_caches_share_the_arena(model: Path, tmp_path: Path) -> None:
    report = generate(model, tmp_path)
    config = read_model(model).config
    width, length = config["text_dim"], config["max_seq_len"]
    row = width + 4 * config["text_decoder_heads"]  # codes, a scale for each head
    assert report["graphs"]["decoder"]["cache_bytes"] == 3 * 2 * length * row
    users = [*report["graphs"].values(), report["vision"]]  # one after the other
    assert report["arena_bytes"] == max(user["arena_bytes"] for user in users)
    loaded = graph.load(model / "encoder.tflite")
    schedule = Schedule(loaded, report["tile"])
    wide = [b for b in schedule.buffers.values() if b.bytes >= length * 4 * width * 4]
    assert not wide


def ternary(model: Path) -> list[tuple[graph.Operator, graph.Tensor]]:
    """The operators of all graphs that read a packed matrix, with it; queries apart from keys and values."""
    loaded = [graph.load(model / f"{name}.tflite") for name in GRAPHS]
    for each in loaded:
        split_attentions(each)
    return [(o, o.inputs[1]) for g in loaded for o in g.operators if o.kind.startswith("BITMAR_TERNARY_")]


def test_queries_apart_have_the_rows_of_their_matrix(model: Path) -> None:
    whole, apart = (graph.load(model / "encoder.tflite") for _ in range(2))
    split_attentions(apart)

    def codes(loaded: graph.Graph, name: str) -> np.ndarray:
        found = next(o for o in loaded.operators if len(o.inputs) > 1 and o.inputs[1].name == name)
        rows, cols = found.options["rows"], found.options["cols"]
        return unpack(np.frombuffer(found.inputs[1].data, np.uint8), LAYOUT_NAMES[found.options["layout"]], rows, cols)

    matrices = [o.inputs[1].name for o in whole.operators if o.kind.startswith("BITMAR_TERNARY_")]
    names = [name for name in matrices if "/qkv" in name]
    assert len(names) == 3
    for name in names:
        parts = [codes(apart, f"{name}/{part}") for part in ("q", "kv")]
        np.testing.assert_array_equal(np.concatenate(parts), codes(whole, name))


def test_weights_are_whole_and_nothing_else_is_float(model: Path, tmp_path: Path) -> None:
    """Every ternary matrix of the flatbuffers lies in the block: unchanged, or repacked with the same codes."""
    generate(model, tmp_path, budget=0)
    block = (tmp_path / "bitmar_weights.bin").read_bytes()
    assert all(packed.data in block for _, packed in ternary(model))
    report = generate(model, tmp_path)
    block = (tmp_path / "bitmar_weights.bin").read_bytes()
    chosen = {matrix["name"]: matrix["layout"] for matrix in report["matrices"]}
    assert "pl14" in chosen.values()  # ultra_tiny is small
    for operator, packed in ternary(model):
        layout, rows, cols = (operator.options[key] for key in ("layout", "rows", "cols"))
        codes = unpack(np.frombuffer(packed.data, np.uint8), LAYOUT_NAMES[layout], rows, cols)
        assert pack(codes, chosen.get(packed.name, LAYOUT_NAMES[layout])).tobytes() in block


def test_layouts_stay_within_the_budget(model: Path, tmp_path: Path) -> None:
    """Less room, fewer matrices in the faster layouts; the head, which costs most, goes to c5 before others grow."""

    def ternary_bytes(report: dict) -> int:
        return report["weights_bytes"] - report["vision"]["constants_bytes"]

    own = ternary_bytes(generate(model, tmp_path, budget=0))
    before = None
    for budget in (0, own, own + 2000, own + 20000, own + 50000, 10**6):
        report = generate(model, tmp_path, budget=budget)
        matrices = report["matrices"]
        assert ternary_bytes(report) <= max(budget, own)
        total = sum(matrix["instructions"] for matrix in matrices)
        assert before is None or total <= before
        before = total
        kinds = {matrix["layout"] for matrix in matrices}
        if budget <= own:
            assert kinds == {"b3"}
        if budget == own + 2000:
            assert "c5" in kinds
        if budget == 10**6:  # but for five rows, which would be filled up to fourteen
            others = [matrix["name"] for matrix in matrices if matrix["layout"] != "pl14"]
            assert others == ["episode/per_position/weights"]


def test_only_a_small_model_makes_room_for_its_eye(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large one keeps its fast layouts: tiny_edge's token would take 1.6 M instructions instead of 1.1 M."""
    loaded = [graph.load(model / f"{name}.tflite") for name in GRAPHS]
    assert repack.default_budget(loaded, sees=True) == repack.SEEING_BUDGET < repack.BUDGET
    assert repack.default_budget(loaded, sees=False) == repack.BUDGET
    monkeypatch.setattr(repack, "SEEING_BUDGET", 300_000)  # ultra_tiny is a large model
    assert repack.default_budget(loaded, sees=True) == repack.BUDGET


def broken(model: Path, folder: Path, name: str, data: bytes) -> Path:
    shutil.copytree(model, folder)
    (folder / name).write_bytes(data)
    return folder


def test_an_unknown_operator_is_refused_by_name(model: Path, tmp_path: Path) -> None:
    data = bytearray((model / "recall.tflite").read_bytes())
    at = data.index(b"BITMAR_MEMORY_READ")
    data[at : at + 18] = b"BITMAR_MEMORY_REED"
    with pytest.raises(BitmarError, match="BITMAR_MEMORY_REED"):
        generate(broken(model, tmp_path / "m", "recall.tflite", bytes(data)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_op_version_is_refused(model: Path, tmp_path: Path) -> None:
    def set_version(data: bytes) -> bytes:
        found = [m.start() for m in re.finditer(b"version\0", data)]
        changed = bytearray(data)
        for options in found:  # the map's values stand behind its keys; the version is the last value
            for value in range(options, min(options + 160, len(data))):
                trial = bytearray(changed)
                if trial[value] == 1:
                    trial[value] = 2
                    (tmp_path / "trial.tflite").write_bytes(trial)
                    try:
                        graph.load(tmp_path / "trial.tflite")
                    except BitmarError as error:
                        if "version 2" in str(error):
                            return bytes(trial)
        raise AssertionError("no op carries a version")

    data = set_version((model / "recall.tflite").read_bytes())
    with pytest.raises(BitmarError, match="version 2, expected 1"):
        generate(broken(model, tmp_path / "m", "recall.tflite", data), tmp_path / "out")


def test_missing_files_and_other_formats(model: Path, tmp_path: Path) -> None:
    folder = broken(model, tmp_path / "m", "note", b"")
    (folder / "decoder.tflite").unlink()
    with pytest.raises(BitmarError, match=r"decoder\.tflite is missing"):
        generate(folder, tmp_path / "out")
    description = json.loads((folder / "model.json").read_text()) | {"format": 2}
    (folder / "model.json").write_text(json.dumps(description))
    with pytest.raises(BitmarError, match="format 2, expected 1"):
        generate(folder, tmp_path / "out")
    with pytest.raises(BitmarError, match=r"model\.json"):
        generate(tmp_path / "nowhere", tmp_path / "out")


def test_damaged_flatbuffers_end_in_one_sentence(model: Path, tmp_path: Path) -> None:
    """Cut, flipped and random files: a BitmarError or an equal graph, never another exception."""
    data, rng = (model / "recall.tflite").read_bytes(), random.Random(1)
    path = tmp_path / "damaged.tflite"
    for _ in range(300):
        changed = bytearray(data)
        if rng.random() < 0.3:
            changed = changed[: rng.randrange(len(changed))]
        for _ in range(rng.randrange(1, 20)):
            if changed:
                changed[rng.randrange(len(changed))] = rng.randrange(256)
        path.write_bytes(changed)
        try:
            graph.load(path)
        except BitmarError as error:
            assert "\n" not in str(error) and str(path) in str(error)


def test_options_are_read_as_they_were_written() -> None:
    from flatbuffers import flexbuffers

    for values in ({}, {"k": 8}, {"rows": 50257, "cols": 128, "neg": -7, "big": 1 << 40, "on": True}):
        builder = flexbuffers.Builder()
        with builder.Map():
            for name, value in values.items():
                (builder.Bool if isinstance(value, bool) else builder.Int)(name, value)
        assert flatbuffer.flexbuffer_map(bytes(builder.Finish())) == values
