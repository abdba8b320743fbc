import asyncio
import uuid

from madang import ask, follow
from operations import CREATE_ROOM, CREATE_VISITOR, MESSAGES, ROOMS, SEND


async def main():
    token = (await ask(CREATE_VISITOR))["createVisitor"]["token"]
    room = (await ask(CREATE_ROOM, {"name": f"python {uuid.uuid4()}"}, token))["createRoom"]["room"]
    print(f"room {room['id']}", flush=True)
    numbers = []

    def is_tenth(event):
        numbers.append(event["message"]["number"])
        return numbers[-1] == 10

    def is_full(event):
        return {"id": room["id"], "messageCount": 10} in event["rooms"]

    start = {"roomId": room["id"], "after": room["messages"]["resumeCursor"]}
    followed = asyncio.gather(follow(MESSAGES, start, token, is_tenth), follow(ROOMS, {}, token, is_full))
    for number in range(1, 11):
        message = {"roomId": room["id"], "text": f"message {number}", "idempotencyKey": str(uuid.uuid4())}
        await ask(SEND, {"input": message}, token)
        await asyncio.sleep(0.2)
    await followed
    print("ok" if numbers == list(range(1, 11)) else f"wrong: {numbers}")


asyncio.run(main())
