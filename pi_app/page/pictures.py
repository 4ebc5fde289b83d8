"""Decodes what was uploaded: limits first, then a decoder, in a thread of its own."""

from __future__ import annotations

import asyncio
import io

from PIL import Image

from bitmar.image_file import read_image


async def decode(content: bytes) -> Image.Image:
    """The picture in these bytes, upright, as `open_image` gives it.

    Raises:
      BitmarError: not an image, broken, or too many pixels by its own header.
    """
    return await asyncio.to_thread(read_image, io.BytesIO(content), "upload")
