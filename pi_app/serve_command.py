"""The page for everyone in the house, and its HTTP API: `bitmar serve --card DIR` (docs/page.md)."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitmar.errors import BitmarError
from pi_app.arguments import add_common_arguments
from pi_app.console_command import open_device
from pi_app.terminal import json_line

if TYPE_CHECKING:
    from bitmar.device import Device
    from pi_app.page.appliance import Appliance

PORT = 8017
LAST_PORT = 65535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--card", type=Path, help="folder of the card (the memory is bitmar_memory/ in it)")
    parser.add_argument(
        "--camera",
        help="what it looks with: picamera2, /dev/video0, or a folder or file of frames (default: pictures from a phone)",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 is everyone in the house (default 127.0.0.1)"
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"port to listen on, 0 for any (default {PORT})")
    parser.add_argument("--name", action="append", default=[], help="another name that this machine is called by")
    parser.add_argument(
        "--pin-file", type=Path, help="file with the PIN, made if missing (default: a new PIN each time)"
    )
    parser.add_argument("--mqtt", metavar="HOST[:PORT]", help="tell an MQTT broker what it sees, be taught by messages")
    parser.add_argument("--mqtt-topic", default="bitmar", help="what its topics begin with (default bitmar)")
    parser.add_argument("--mqtt-login", type=Path, help="file with the broker's user name and password, on two lines")
    parser.add_argument(
        "--no-thumbnails", action="store_true", help="keep no pictures on the card, only what was learned"
    )
    add_common_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from pi_app.page.small import give_back_libraries, leave_out, tidy_heap

    leave_out()
    tidy_heap()
    try:
        from pi_app.page import card_file
        from pi_app.page.app import application
        from pi_app.page.appliance import Appliance
        from pi_app.page.guard import is_loopback, own_names
        from pi_app.page.live import Watcher
        from pi_app.page.pin import Doorkeeper, new_pin, pin_in
        from pi_app.page.server import listen, serve
    except ModuleNotFoundError as error:
        raise BitmarError(f"{error.name} is not installed, expected: pip install 'bitmar-edge[pi,page]'") from None
    from bitmar.camera import open_camera

    give_back_libraries()
    if not 0 <= args.port <= LAST_PORT:
        raise BitmarError(f"--port {args.port}: expected 0 to {LAST_PORT}")
    pin = pin_in(args.pin_file) if args.pin_file else new_pin()
    listening = listen(args.host, args.port)
    with listening:
        if args.card is not None:
            card_file.finish_exchange(args.card)
        camera = args.camera
        with open_device(args) as device:
            load_all(device)
            give_back_libraries()
            watcher = Watcher((lambda: open_camera(camera)) if camera else None)
            appliance = Appliance(device, watcher, Doorkeeper(pin), not args.no_thumbnails)
            if args.mqtt:
                appliance.work.append(messages(args, appliance))
            announce(args.host, listening.getsockname()[1], None if is_loopback(args.host) else pin, args.json)
            serve(application(appliance, own_names(args.name)), listening, appliance.events.close)
    return 0


def load_all(device: Device) -> None:
    """Looks at a grey picture, so that whatever seeing takes is loaded before anybody asks."""
    from PIL import Image

    with contextlib.suppress(BitmarError):  # a model that sees no pictures
        device.look(Image.new("RGB", (64, 64), "grey"))


def messages(args: argparse.Namespace, appliance: Appliance) -> Callable[[], Coroutine[Any, Any, None]]:
    """What tells the broker."""
    try:
        from pi_app.page.mqtt import Mqtt
    except ModuleNotFoundError as error:
        raise BitmarError(f"{error.name} is not installed, expected: pip install 'bitmar-edge[pi,page,mqtt]'") from None
    return Mqtt(args.mqtt, args.mqtt_topic, args.mqtt_login, appliance).run


def announce(host: str, port: int, pin: str | None, as_json: bool) -> None:
    """Where the page is, and the PIN for everyone who does not sit at this machine."""
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    if as_json:
        print(json_line({"word": "serve", "address": address, "pin": pin}, sys.stdout), flush=True)
        return
    print(f"The page is at {address}", flush=True)
    if pin:
        print(f"PIN for everyone who does not sit at this machine: {pin}", flush=True)
