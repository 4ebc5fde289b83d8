"""The C of planned graphs: their functions, and what every file of them needs."""

from __future__ import annotations

from pathlib import Path

from convert.aot.calls import Calls
from convert.aot.names import comment
from convert.aot.plan import Plan
from convert.aot.schedule import Step
from convert.aot.used_rows import used_rows
from convert.aot.weights import Weights


def macros(arena: str, weights: str) -> str:
    """What the functions are written with: places in the arena and in the weights, calls that may fail."""
    return f"""#define F(offset) ((float*)({arena} + (offset)))
#define I(offset) ((int32_t*)({arena} + (offset)))
#define B(offset) ({arena} + (offset))
#define W(offset) ({weights} + (offset))
#define WF(offset) ((const float*)({weights} + (offset)))
#define WI(offset) ((const int32_t*)({weights} + (offset)))
#define CALL(call)                     \\
  do {{                                 \\
    const bm_status status = (call);   \\
    if (status != BM_OK) return status; \\
  }} while (0)
"""


def function(plan: Plan, weights: Weights, signature: str, start_signature: str = "") -> str:
    """The C functions of one graph, with the constants that they name before them.

    `signature` begins the one that runs it; `start_signature` the one that runs its part that is computed once for a stream.
    Without the latter the former runs it all.
    """
    schedule = plan.schedule
    used = used_rows(plan.graph, schedule)
    calls = Calls(schedule, weights, used)
    head = (
        f"/* {comment(plan.graph.name)}.tflite: {len(plan.graph.operators)} operators, "
        f"arena {plan.arena_bytes} bytes, lower bound {plan.lower_bound} */"
    )
    bodies = []
    if start_signature:
        body = [line for step in schedule.start_steps for line in _step_lines(step, calls)]
        bodies.append("\n".join([f"\n{start_signature} {{", *body, "  return BM_OK;", "}"]))
    first = len(schedule.start_steps) if start_signature else 0
    body = [line for step in schedule.steps[first:] for line in _step_lines(step, calls)]
    if used:
        body.insert(0, f"  const int32_t used = aot_used({calls.at(used.mask)}, {used.rows});")
    bodies.append("\n".join([f"\n{signature} {{", *body, "  return BM_OK;", "}"]))
    asserts = [
        f'_Static_assert({condition}, "the kernels need more scratch than planned");'
        for condition in sorted(calls.asserts)
    ]
    return "\n".join([head, *calls.matrices, *asserts, *bodies])


def _step_lines(step: Step, calls: Calls) -> list[str]:
    """The C of one step: a loop over its rows, or plain calls; rows of padding are left out where `calls.used` says so."""
    schedule, used, lines = calls.schedule, calls.used, []
    looped, cut = step.rows > 1, used is not None and used.cuts(step)
    guarded = used is not None and (used.is_idle(step) or step.operators[0].index in used.attentions)
    outer = "    " if guarded else "  "
    indent = outer + "  " if looped else outer
    if guarded:
        lines.append("  if (used > 0) {")
    if looped:
        end, tile = "used" if cut else step.rows, schedule.tile_rows(step)
        lines.append(f"{outer}for (int32_t t = 0; t < {end}; t += {tile}) {{")
        if cut:
            lines.append(f"{indent}const int32_t n = used - t < {tile} ? used - t : {tile};")
    for operator in step.operators:
        lines.append(
            f"{indent}/* {operator.index}: {operator.kind} -> {operator.outputs[0]} {comment(operator.outputs[0].name)} */"
        )
        lines += [indent + line for line in calls.lines(step, operator)]
    if looped:
        lines.append(f"{outer}}}")
    if guarded:
        lines.append("  }")
    written = {t.index for o in step.operators for t in o.outputs}
    for tensor in (t for t in (used.zeroed if used else []) if t.index in written):
        lines.append(f"  aot_zero_rows({calls.whole(tensor)}, used, {used.rows}, {tensor.bytes // used.rows});")
    return lines


def write_changed(path: Path, content: bytes) -> None:
    """Only if it changes (builds compare times), and whole or not at all."""
    if path.is_file() and path.read_bytes() == content:
        return
    temporary = path.with_suffix(path.suffix + ".new")
    temporary.write_bytes(content)
    temporary.replace(path)
