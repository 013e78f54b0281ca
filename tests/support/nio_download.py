"""An ordinary Matrix client, unmodified matrix-nio, downloads one media and says what it got.

    python nio_download.py HOMESERVER MXC_URI FILE [WIDTHxHEIGHT]

The access token is in the environment variable NIO_TOKEN. With a size it asks for a thumbnail. One line of JSON on standard output.
"""

import asyncio
import json
import os
import sys
from urllib.parse import urlparse

from nio import AsyncClient, DownloadResponse, ThumbnailResponse


async def main() -> None:
    homeserver, mxc, path = sys.argv[1:4]
    client = AsyncClient(homeserver)
    client.access_token = os.environ["NIO_TOKEN"]
    try:
        if len(sys.argv) > 4:
            width, height = (int(pixels) for pixels in sys.argv[4].split("x"))
            media = urlparse(mxc)
            response = await client.thumbnail(media.netloc, media.path.lstrip("/"), width, height)
        else:
            response = await client.download(mxc)
    finally:
        await client.close()
    if not isinstance(response, (DownloadResponse, ThumbnailResponse)):
        print(json.dumps({"error": type(response).__name__, "status_code": response.status_code, "message": response.message}))
        return
    with open(path, "wb") as file:
        file.write(response.body)
    print(json.dumps({"content_type": response.content_type, "filename": getattr(response, "filename", None)}))


asyncio.run(main())
