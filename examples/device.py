"""Teach a thing, ask with another picture of it: python examples/device.py CARD PICTURE NAME OTHER_PICTURE"""

import sys

from bitmar import Device

card, picture, name, other = sys.argv[1:]
with Device(card=card) as device:
    print(device.teach(picture, name))
    print(device.ask(other).name)
