"""What it sees as MQTT messages, found by Home Assistant by itself; and teaching by message.

    TOPIC/seen       {"name": "grandma's cup", "verdict": "known", "score": 0.93}, retained, when it changes; name null: unknown
    TOPIC/status     "online" or "offline" (the broker's last will), retained
    TOPIC/teach      {"name": "grandma's cup"}: what the camera sees now gets that name
    TOPIC/taught     what came of it, as the API answers, or {"error": "..."}
    homeassistant/sensor/ID/seen/config      the discovery message, retained

https://www.home-assistant.io/integrations/mqtt#mqtt-discovery
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho

from bitmar.errors import BitmarError
from pi_app.page import words
from pi_app.page.appliance import Appliance
from pi_app.page.live import Events

PORT = 1883
MOST_BYTES = 4096  # of a message that teaches
QUEUE = 16  # messages that wait to be taught


class Mqtt:
    """A connection to a broker, kept up by paho's thread; what comes is worked on in the event loop.

    Args:
      broker: "host" or "host:port".
      topic: what all topics begin with.
      login: file with user name and password on two lines, or None.

    Raises:
      BitmarError: a broker or a login file that is not one. A broker that does not answer is tried again and again.
    """

    def __init__(self, broker: str, topic: str, login: Path | None, appliance: Appliance):
        host, _, port = broker.partition(":")
        if not host or not (port or str(PORT)).isdecimal() or not 0 < int(port or PORT) < 65536:
            raise BitmarError(f"--mqtt {broker}: expected HOST or HOST:PORT")
        self.host, self.port, self.topic, self.appliance = host, int(port or PORT), topic, appliance
        self.id = re.sub(r"[^a-z0-9]+", "_", f"bitmar_{socket.gethostname()}".lower())
        self.wishes: asyncio.Queue[bytes] = asyncio.Queue(QUEUE)
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=self.id)
        self.client.max_queued_messages_set(QUEUE)
        self.client.reconnect_delay_set(1, 30)
        self.client.will_set(f"{topic}/status", "offline", 1, retain=True)
        self.client.on_connect, self.client.on_message = self.connected, self.received
        if login is not None:
            self.client.username_pw_set(*read_login(login))

    async def run(self) -> None:
        """Until it is cancelled."""
        self.loop = asyncio.get_running_loop()
        self.client.connect_async(self.host, self.port, keepalive=30)
        self.client.loop_start()  # tries again by itself
        teaching = asyncio.create_task(self.teach())
        self.appliance.events.listeners += 1  # so that it looks, though nobody has the page open
        try:
            await self.tell()
        finally:
            self.appliance.events.listeners -= 1
            teaching.cancel()
            self.client.publish(f"{self.topic}/status", "offline", 1, retain=True)
            await asyncio.to_thread(self.stop)

    def stop(self) -> None:
        """Says goodbye."""
        self.client.disconnect()
        self.client.loop_stop()

    def connected(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        """In paho's thread, after every connection."""
        if reason.is_failure:
            return
        client.subscribe(f"{self.topic}/teach", 1)
        client.publish(f"homeassistant/sensor/{self.id}/seen/config", json.dumps(self.discovery()), 1, retain=True)
        client.publish(f"{self.topic}/status", "online", 1, retain=True)

    def discovery(self) -> dict[str, Any]:
        """What Home Assistant has to know."""
        return {
            "name": "Seen",
            "unique_id": f"{self.id}_seen",
            "state_topic": f"{self.topic}/seen",
            "value_template": "{{ value_json.name or 'unknown' }}",
            "json_attributes_topic": f"{self.topic}/seen",
            "availability_topic": f"{self.topic}/status",
            "icon": "mdi:eye",
            "device": {"identifiers": [self.id], "name": "BitMar", "model": self.appliance.status()["model"]},
        }

    def received(self, client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        """In paho's thread: a wish to teach; one that is too many is dropped, one that was kept from before too."""
        if not message.retain and len(message.payload) <= MOST_BYTES:
            self.loop.call_soon_threadsafe(self.wish, bytes(message.payload))

    def wish(self, payload: bytes) -> None:
        """In the event loop."""
        with contextlib.suppress(asyncio.QueueFull):
            self.wishes.put_nowait(payload)

    async def tell(self) -> None:
        """What is seen, when it is something else."""
        last = None
        async for seen in changes(self.appliance.events, "seen"):
            told = {"name": seen["text"], "verdict": seen["verdict"]}
            if told != last:
                last = told
                message = json.dumps({**told, "score": seen.get("score")})
                self.client.publish(f"{self.topic}/seen", message, 1, retain=True)

    async def teach(self) -> None:
        """One wish after the other."""
        while True:
            payload = await self.wishes.get()
            try:
                answer = await self.taught(payload)
            except BitmarError as error:
                answer = {"error": str(error)}
            self.client.publish(f"{self.topic}/taught", json.dumps(answer), 1)

    async def taught(self, payload: bytes) -> dict[str, Any]:
        """What the camera sees, under the name in a message."""
        try:
            name = json.loads(payload)["name"]
        except (ValueError, KeyError, TypeError, RecursionError):
            name = None
        if not isinstance(name, str):
            raise BitmarError(f'{self.topic}/teach: expected a JSON object like {{"name": "my cup"}}')
        picture = await self.appliance.show(self.appliance.watcher.newest().image)
        return await words.teach(self.appliance, {"name": name, "pictures": [picture]}, None)


async def changes(events: Events, kind: str) -> Any:
    """The newest event of a kind, each time that there is another one, until the stream ends."""
    heard = 0
    while not events.closed:
        news = events.news
        number, text = events.newest.get(kind, (0, ""))
        if number > heard:
            heard = number
            yield json.loads(text)
        await news.wait()


def read_login(path: Path) -> tuple[str, str]:
    """User name and password. BitmarError where the file has no two lines."""
    try:
        user, password = path.read_text(encoding="utf-8").split("\n")[:2]
    except (OSError, ValueError) as error:
        raise BitmarError(f"--mqtt-login {path}: expected user name and password on two lines ({error})") from None
    return user, password
