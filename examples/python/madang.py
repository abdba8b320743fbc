"""Talks to Madang through gql, and talks on when the connection was lost."""

import asyncio
import os
import random

from gql import Client
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportClosed, TransportConnectionFailed, TransportServerError
from gql.transport.websockets import WebsocketsTransport

URL = os.environ.get("MADANG_URL", "http://localhost:8000") + "/graphql"


async def again(work):
    """Repeats `work` while the connection fails. Safe for sending, since each message has a key of its own."""
    while True:
        try:
            return await work()
        except (TransportConnectionFailed, TransportClosed, TransportServerError, OSError):
            await asyncio.sleep(random.random())


async def ask(document, variables=None, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    client = Client(transport=AIOHTTPTransport(URL, headers=headers, timeout=5))
    return await again(lambda: client.execute_async(document, variable_values=variables))


async def follow(document, variables, token, is_last):
    """Follows until `is_last`. A lost connection is opened again, behind the last event."""

    async def once():
        transport = WebsocketsTransport(URL.replace("http", "ws", 1), init_payload={"token": token})
        async with Client(transport=transport) as session:
            async for result in session.subscribe(document, variable_values=variables):
                variables["after"] = result["event"]["cursor"]
                if is_last(result["event"]):
                    return True
        raise TransportClosed("the server ended the connection")

    return await again(once)
