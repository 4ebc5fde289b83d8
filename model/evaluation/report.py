"""The figures as text."""

from __future__ import annotations

from typing import Any

TITLES = {
    "held_out_family": "never trained on, nor a near twin",
    "known_other_names": "known, under other names",
    "line_art": "never trained on, asked in line art",
}
PHOTOS = {
    "camera_camera": "taught and asked by camera",
    "camera_camera_3_views": "three views taught",
    "cutout_camera": "taught cut out, asked by camera",
    "same_background": "the same background",
}


TITLE = 54  # columns


def table(report: dict[str, Any]) -> str:
    """The report as lines; 95 % intervals in brackets."""
    lines = [f"{'':<{TITLE}}{'slot found':<22}{'exact':<8}{'LDA':<8}{'nearest':<8}"]
    for ways, kinds in report["ways"].items():
        for kind, row in kinds.items():
            lines.append(_slot_line(f"{ways}-way, {TITLES[kind]}", row, f"{row['exact']:.3f}"))
    for kind, row in report.get("photos", {}).items():
        lines.append(_slot_line(f"16-way, photographs: {PHOTOS[kind]}", row, "-"))
    many = ", ".join(f"{k}: {row['slot']:.3f}" for k, row in report["many"].items() if row["slot"] is not None)
    lines += [f"slot found among K things: {many}", ""]
    lines.append(
        f"{'names':<{TITLE}}{'answered':<10}{'decoded':<10}{'of <= 12 tokens':<17}{'at once':<9}{'in layers':<11}{'n':<6}"
    )
    for kind, row in report["any_name"].items():
        short = "-" if row["decoded_12"] is None else f"{row['decoded_12']:.3f}"
        shares = (
            f"{row['answered']:<10.3f}{row['decoded']:<10.3f}{short:<17}{row['first']:<9.3f}{row['layered']:<11.3f}"
        )
        lines.append(f"{kind.replace('_', ' '):<{TITLE}}{shares}{row['n']:<6}")
    lines.append("")
    for kind, row in (report["unknown"] or {}).items():
        if row["n"]:
            title = "not taught, " + kind.replace("_", " ")
            interval = f"[{row['low']:.3f}, {row['high']:.3f}]"
            named = f"{row['false_naming_at_90']:.3f} {interval} named where 90 % of the taught are"
            lines.append(f"{title:<{TITLE}}{named}, AUROC {row['auroc']:.3f}")
    life, say = report["life"], report["say"]
    if life:
        shares = f"{life['latest_kept']:.3f} of the latest kept, {life['right']:.3f} answered right"
        lines.append(f"200 teachings of 24 things into 16 slots: {life['duplicates']} duplicates, {shares}")
    lines.append(f"say: {say['found']:.3f} found, {say['mistyped']:.3f} with a slip of the keyboard")
    if "text" in report:
        lines.append(_text_line(report["text"]))
    lines.append(f"split {report['split']}, seed {report['seed']}, {say['n']} questions each; asked: {report['asked']}")
    return "\n".join(lines)


def _slot_line(title: str, row: dict[str, Any], exact: str) -> str:
    slot = f"{row['slot']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
    return f"{title:<{TITLE}}{slot:<22}{exact:<8}{row['lda']:<8.3f}{row['nearest']:<8.3f}"


def _text_line(row: dict[str, Any]) -> str:
    interval, stream = f"[{row['low']:.3f}, {row['high']:.3f}]", row["stream"]
    line = f"running text: {row['bits_per_byte']:.3f} {interval} bits per byte in windows of {row['window']} tokens"
    if not stream:
        return line
    return f"{line}; streams of {stream['tokens']}: {stream['ratio']:.3f} times that"
