"""Property: the C library of any accepted model computes the bits of the runtime with our delegate; it needs kernels/ alone."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bitmar.errors import BitmarError
from bitmar.runtime import Graph
from convert.aot import generate_library
from convert.aot.__main__ import main
from convert.converter import convert
from convert.graphs import decoder
from convert.layouts import LAYOUTS
from tests.bitmar import op_cases
from tests.bitmar.graph_file import GraphFile
from tests.convert.conftest import build
from tests.convert.own_models import MODELS, converted, random_inputs
from tests.kernels import spec
from tests.kernels.build import FLAGS, INCLUDES, shared_library

TYPES = {np.dtype(np.float32): ctypes.c_float, np.dtype(np.int32): ctypes.c_int32}


def compiled(folder: Path, name: str) -> ctypes.CDLL:
    """folder/NAME.c with kernels/, as a shared library, with every warning an error."""
    library, kernels = folder / f"{name}.so", shared_library()
    sources = [folder / f"{name}.c", kernels, f"-Wl,-rpath,{kernels.parent}"]
    command = ["cc", *FLAGS, "-O2", "-shared", "-fPIC", f"-I{folder}", *INCLUDES, *sources, "-o", library]
    subprocess.run([*map(str, command)], check=True)
    return ctypes.CDLL(str(library))


def run(library: ctypes.CDLL, name: str, file: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """NAME_run with the runtime's inputs and outputs, in the order of the flatbuffer."""
    interpreter = Graph(file).interpreter
    given = [np.ascontiguousarray(inputs[detail["name"]]) for detail in interpreter.get_input_details()]
    details = interpreter.get_output_details()
    outputs = {detail["name"]: np.zeros(detail["shape"], detail["dtype"]) for detail in details}
    arrays = [*given, *outputs.values()]
    pointers = [array.ctypes.data_as(ctypes.POINTER(TYPES[array.dtype])) for array in arrays]
    assert getattr(library, f"{name}_run")(*pointers) == 0
    return outputs


def same_bits(library: ctypes.CDLL, name: str, file: Path, seeds: int = 4) -> None:
    graph = Graph(file)
    for seed in range(seeds):
        inputs = random_inputs(file, seed)
        if seed == 1:  # zeros, and negative ones: signs of zero are bits too
            inputs = {key: value * 0 if value.dtype == np.float32 else value for key, value in inputs.items()}
        found, expected = run(library, name, file, inputs), graph.run(**inputs)
        for key, value in expected.items():
            assert found[key].tobytes() == value.tobytes(), (seed, key)


@pytest.mark.parametrize("name", MODELS)
def test_same_bits_as_the_runtime(name, tmp_path):
    file = tmp_path / f"{name}.tflite"
    file.write_bytes(converted(name))
    report = generate_library(file, tmp_path)
    assert report["arena_bytes"] <= 1.25 * report["arena_lower_bound"]
    same_bits(compiled(tmp_path, name), name, file)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_has_an_ahead_of_time_form(layout, tmp_path):
    """A layer whose rows and columns are no whole units of any layout, against the specification."""
    rng, graph = np.random.default_rng(5), GraphFile()
    w, gamma, x = op_cases.ternary(rng, 21, 37), np.array([0.5], np.float32), op_cases.tokens(rng, (3, 37))
    attrs = op_cases.matrix_attrs(w, LAYOUTS[layout], activation=0)
    inputs = [graph.input("x", "float32", x.shape), *op_cases.add_matrix(graph, w, gamma, LAYOUTS[layout])]
    graph.op("BITMAR_TERNARY_FC", inputs, {"y": "float32"}, attrs)
    op_cases.Case("layer", graph, [{"x": x}], [{"y": spec.ternary_fc(x, w, gamma)}]).write(tmp_path)
    file = tmp_path / "layer.tflite"
    generate_library(file, tmp_path)
    found = run(compiled(tmp_path, "layer"), "layer", file, {"x": x})
    assert found["y"].tobytes() == spec.ternary_fc(x, w, gamma).tobytes()
    assert Graph(file).run(x=x)["y"].tobytes() == found["y"].tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_head_with_classes_has_an_ahead_of_time_form(layout, tmp_path):
    """In every layout, with bounds of classes that are none of its units; against the specification and the runtime."""
    rng, graph = np.random.default_rng(6), GraphFile()
    w, gamma = op_cases.ternary(rng, 203, 37), np.array([0.5], np.float32)
    attrs = op_cases.matrix_attrs(w, LAYOUTS[layout], k=7, shortlist=43, class_words=53)
    inputs = [graph.input("x", "float32", (1, 37)), *op_cases.add_matrix(graph, w, gamma, LAYOUTS[layout])]
    inputs.append(graph.input("class_logits", "float32", (1, 4)))
    graph.op("BITMAR_TERNARY_CLASS_TOPK", inputs, {"ids": "int32", "logits": "float32"}, attrs)
    steps, expected = [], []
    for chosen in (None, 0, 1, 3):  # the last has one word
        x, class_logits = rng.normal(size=(1, 37)).astype(np.float32), np.full((1, 4), -1e3, np.float32)
        class_logits[0, chosen or 0] = 1e3 if chosen is not None else -1e3
        ids, logits = spec.ternary_class_topk(x, w, gamma, class_logits, 7, 43, 53)
        steps.append({"x": x, "class_logits": class_logits})
        expected.append({"ids": ids, "logits": logits})
    op_cases.Case("head", graph, steps, expected).write(tmp_path)
    file = tmp_path / "head.tflite"
    generate_library(file, tmp_path)
    library, runtime = compiled(tmp_path, "head"), Graph(file)
    for given, want in zip(steps, expected, strict=True):
        found, theirs = run(library, "head", file, given), runtime.run(**given)
        for name, value in want.items():
            assert found[name].tobytes() == theirs[name].tobytes() == value.tobytes(), (name, given)


@pytest.mark.parametrize(
    "head", [{}, {"decoder_shortlist": 203, "decoder_class_words": 83}], ids=["one level", "classes"]
)
def test_a_decoder_with_its_caches(head, tmp_path):
    """State between calls and `_reset`, with BitMar's own decoder as a library like any other."""
    layers = {"text_encoder_layers": 1, "text_decoder_layers": 1, "fusion_layers": 0}
    file = tmp_path / "decoder.tflite"
    file.write_bytes(convert(decoder(build("bitmar_ultra_tiny", layers | head))))
    generate_library(file, tmp_path)
    library, graph = compiled(tmp_path, "decoder"), Graph(file)
    for _ in range(2):
        graph.reset()
        library.decoder_reset()
        for position in range(5):
            at = np.array([position], np.int32)
            inputs = random_inputs(file, position) | {"position": at, "slot": at}
            found, expected = run(library, "decoder", file, inputs), graph.run(**inputs)
            assert {k: v.tobytes() for k, v in found.items()} == {k: v.tobytes() for k, v in expected.items()}


def test_an_id_outside_of_its_table_fails_and_writes_nothing(tmp_path):
    file = tmp_path / "text.tflite"
    file.write_bytes(converted("text"))
    generate_library(file, tmp_path)
    library = compiled(tmp_path, "text")
    ids, mask, out = np.full(12, 50, np.int32), np.ones(12, np.int32), np.full(3, 7, np.float32)
    assert library.text_run(*(array.ctypes.data_as(ctypes.c_void_p) for array in (ids, mask, out))) != 0
    assert (out == 7).all()


def test_cmake_builds_what_is_written(tmp_path):
    """As a stranger would: a program of their own that links the library, and their own name for it."""
    file = tmp_path / "9 lives-of.a.tflite"
    file.write_bytes(converted("perceptron"))
    assert main([str(file), "--out", str(tmp_path / "lib"), "--name", "my-model"]) == 0
    assert sorted(p.name for p in (tmp_path / "lib").iterdir()) == [
        "CMakeLists.txt",
        "my_model.c",
        "my_model.h",
        "platformio_snippet.ini",
    ]
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "my_model.h"\n'
        "int main(void) {\n  static float in[MY_MODEL_IN_COUNT], out[MY_MODEL_OUT_COUNT];\n"
        "  for (int i = 0; i < MY_MODEL_IN_COUNT; i++) in[i] = (float)(i % 7) - 3;\n"
        '  if (my_model_run(in, out)) return 1;\n  for (int i = 0; i < 10; i++) printf("%a\\n", (double)out[i]);\n}\n'
    )
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(stranger C)\nadd_subdirectory(lib)\n"
        "add_executable(stranger main.c)\ntarget_link_libraries(stranger my_model)\n"
    )
    cmake = shutil.which("cmake")
    assert cmake, "cmake is needed: make test installs it or says how"
    for command in (["-S", tmp_path, "-B", tmp_path / "build"], ["--build", tmp_path / "build"]):
        done = subprocess.run([cmake, *map(str, command)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    printed = subprocess.run([tmp_path / "build" / "stranger"], capture_output=True, text=True, check=True).stdout
    x = (np.arange(64) % 7 - 3).astype(np.float32)[None]
    expected = Graph(file).run(input=x)["output"][0]
    np.testing.assert_array_equal(np.array([float.fromhex(line) for line in printed.split()], np.float32), expected)


def test_the_library_names_nothing_of_bitmar_but_the_kernels(tmp_path):
    file = tmp_path / "perceptron.tflite"
    file.write_bytes(converted("perceptron"))
    generate_library(file, tmp_path)
    header, source = ((tmp_path / f"perceptron.{end}").read_text() for end in "hc")
    assert "#include" not in header.replace("#include <stdint.h>", "") and "malloc" not in source
    for compiler, language in (("cc", "c"), ("c++", "c++")):
        command = [compiler, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-include", tmp_path / "perceptron.h"]
        subprocess.run([*map(str, command), "-x", language, "/dev/null"], check=True)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    generate_library(file, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == times


def test_what_it_cannot_read(tmp_path, capsys):
    """One line, exit code 2, nothing written."""
    (tmp_path / "text.tflite").write_text("this is not a flatbuffer")
    out = tmp_path / "out"
    cases = {
        (tmp_path / "text.tflite",): "not a .tflite file",
        (tmp_path / "none.tflite",): "No such file or directory, expected a .tflite file",
        (tmp_path / "text.tflite", "--engine", "tflm"): "--engine: expected with a folder",
        (tmp_path, "--name", "x"): "--name: expected with one .tflite file",
    }
    for arguments, expected in cases.items():
        assert main([*map(str, arguments), "--out", str(out)]) == 2
        assert expected in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("broken", ["*/ evil(); /*", "line\nbreak", "\u202e"])
def test_names_in_a_file_cannot_leave_their_comment(broken, tmp_path):
    from convert import reader
    from tests.convert.test_flatbuffer import repack

    file = tmp_path / "named.tflite"
    file.write_bytes(converted("perceptron"))
    model = reader.read(file)
    for tensor in model.subgraphs[0].tensors:
        if not tensor.name.startswith((b"input", b"output")):
            tensor.name = broken
    generate_library(repack(model, file), tmp_path)
    same_bits(compiled(tmp_path, "named"), "named", file, seeds=1)


def test_a_version_that_is_unknown(tmp_path):
    from convert import reader
    from tests.convert.test_flatbuffer import repack, with_options

    file = tmp_path / "newer.tflite"
    file.write_bytes(converted("perceptron"))
    with pytest.raises(BitmarError, match="version 2, expected 1"):
        generate_library(repack(with_options(reader.read(file), version=2), file), tmp_path / "out")
    assert not (tmp_path / "out").exists()
