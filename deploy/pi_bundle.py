"""`pipeline.py deploy --target pi`: a folder that installs itself on a Raspberry Pi, copied there if a host is named."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from bitmar.errors import BitmarError
from bitmar.model_folder import ModelFolder, read_model
from bitmar.model_format import FILE
from bitmar.paths import exists
from deploy.models import pick_model
from deploy.pi_wheel import ROOT, build_distributions

TEMPLATES = Path(__file__).resolve().parent / "pi"
DEFAULT_OUT = ROOT / "build" / "pi"
REMOTE_FOLDER = "bitmar"
SERVICE = "bitmar.service"
SSH_OPTIONS = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=15")


def run(args: argparse.Namespace) -> int:
    model = read_model(pick_model(args.model))
    if args.host:
        with tempfile.TemporaryDirectory(prefix="bitmar-bundle-") as folder:
            bundle = build_bundle(model, Path(folder) / REMOTE_FOLDER, args.arch, args.page)
            report = describe(bundle, model, args.arch)
            install_on(args.host, bundle)
            report |= {"host": args.host, "bundle": f"{args.host}:{REMOTE_FOLDER}"}
    else:
        out = args.out or DEFAULT_OUT
        report = describe(build_bundle(model, out, args.arch, args.page), model, args.arch)
    show(report, args.json)
    return 0


def build_bundle(model: ModelFolder, out: Path, arch: str, page: bool = False) -> Path:
    """Writes the bundle to `out`: whole or not at all. A bundle that is there already is replaced.

    Args: page: install.sh brings what `bitmar.sh serve` needs, and service.sh makes a service of it.

    Raises:
      BitmarError: `out` is something else than a bundle, the disk is full, or a build failed.
    """
    check_out(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
            fresh = Path(folder) / "new"
            fresh.mkdir()
            fill_bundle(model, fresh, arch, page)
            if out.exists():
                out.rename(Path(folder) / "old")
            fresh.rename(out)
    except OSError as error:
        raise BitmarError(f"bundle {out}: cannot be written ({error.strerror or error})") from error
    return out


def check_out(out: Path) -> None:
    """Refuses to replace what is not a bundle."""
    if exists(out) and not (out.is_dir() and ((out / "install.sh").exists() or not any(out.iterdir()))):
        raise BitmarError(f"--out {out}: exists and is not a bundle, expected a new or empty folder")


def fill_bundle(model: ModelFolder, folder: Path, arch: str, page: bool) -> None:
    wheel, _ = build_distributions(arch, folder)
    copy_model(model, folder / "model")
    values = {"@WHEEL@": wheel.name, "@ARCH@": arch, "@MODEL@": model.name, "@PAGE@": ",page" if page else ""}
    if page:
        shutil.copyfile(TEMPLATES / SERVICE, folder / SERVICE)  # service.sh fills it in, on the Pi
    for name in ("install.sh", "bitmar.sh", "README.md", *(("service.sh",) if page else ())):
        text = (TEMPLATES / name).read_text(encoding="utf-8")
        if name == "README.md" and page:
            text += (TEMPLATES / "page.md").read_text(encoding="utf-8")
        for key, value in values.items():
            text = text.replace(key, value)
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755 if name.endswith(".sh") else 0o644)


def copy_model(model: ModelFolder, target: Path) -> None:
    """model.json and the files that it lists."""
    target.mkdir()
    for name in (FILE, *model.files):
        shutil.copyfile(model.path / name, target / name)


def install_on(host: str, bundle: Path) -> None:
    """Copies the bundle with scp and runs its install.sh with ssh.

    Raises:
      BitmarError: no ssh here, no connection, or install.sh failed there.
    """
    if host.startswith("-"):
        raise BitmarError(f"--host {host}: expected user@machine")
    remote(["ssh", *SSH_OPTIONS, host, f"rm -rf {REMOTE_FOLDER}.new"], f"cannot reach {host}")
    copy = ["scp", "-q", "-r", *SSH_OPTIONS, str(bundle), f"{host}:{REMOTE_FOLDER}.new"]
    remote(copy, f"copying to {host} failed")
    new, old = f"{REMOTE_FOLDER}.new", f"{REMOTE_FOLDER}.old"
    replace = (  # installed first, then moved into place: what was there works until the last moment
        f"{new}/install.sh && rm -rf {old} && if [ -e {REMOTE_FOLDER} ]; then mv {REMOTE_FOLDER} {old}; fi && "
        f"mv {new} {REMOTE_FOLDER} && rm -rf {old}"
    )
    remote(["ssh", *SSH_OPTIONS, host, replace], f"installing on {host} failed")


def remote(command: list[str], what: str) -> None:
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BitmarError(f"{what}: {command[0]} is not installed here (apt install openssh-client)") from None
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines()
        raise BitmarError(f"{what}: {lines[-1] if lines else f'{command[0]} exited with {result.returncode}'}")


def describe(bundle: Path, model: ModelFolder, arch: str) -> dict[str, Any]:
    """What the bundle holds: name and bytes of each file."""
    files = {
        path.relative_to(bundle).as_posix(): path.stat().st_size for path in sorted(bundle.rglob("*")) if path.is_file()
    }
    return {"bundle": str(bundle), "model": model.name, "arch": arch, "files": files, "bytes": sum(files.values())}


def show(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(report))
        return
    for name, size in report["files"].items():
        print(f"  {size:>11,}  {name}")
    print(f"  {report['bytes']:>11,}  bytes in all: model {report['model']} for {report['arch']}")
    if "host" in report:
        print(f"Installed. On {report['host']}: {REMOTE_FOLDER}/bitmar.sh --card /media/card")
    else:
        print(f"Copy {report['bundle']} to the Pi and run its install.sh; then: bitmar.sh --card /media/card")
