"""A shop with two experiments whose visitors keep what they see: python app.py.

STAYPUT_STORE names another store than a folder here: redis://127.0.0.1, postgres://…, stayput://127.0.0.1:7717
"""

import contextlib, json, logging, os, pathlib

import uvicorn, vwo
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from stayput import UserStorage

SETTINGS = json.loads((pathlib.Path(__file__).parent / "settings.json").read_text())
CAMPAIGNS = [campaign["key"] for campaign in SETTINGS["campaigns"]]
logger = logging.getLogger("uvicorn.error")
storage = UserStorage.open(os.environ.get("STAYPUT_STORE", "file:./stayput-data"), on_error=logger.error)


def launch(settings):
    """In development mode nothing is sent to VWO."""
    return vwo.launch(json.dumps(settings), logging.getLogger("vwo"), storage, is_development_mode=True)


shop = launch(SETTINGS)


@contextlib.asynccontextmanager
async def ending(_):
    """What was set goes first, then the server ends."""
    async with storage:
        yield


app = FastAPI(lifespan=ending)


@app.get("/settings")
async def settings(green: int):
    """Weights as an editor would change them, to see that visitors stay: /settings?green=90"""
    global shop
    green = min(100, max(0, green))
    changed = json.loads(json.dumps(SETTINGS))
    for variation, weight in zip(changed["campaigns"][0]["variations"], (100 - green, green)):
        variation["weight"] = weight
    shop = launch(changed)
    return {"green": green}


@app.get("/metrics/storage", response_class=PlainTextResponse)
async def metrics():
    return storage.metrics()


@app.get("/{visitor}")
async def page(visitor: str):
    await prepared(visitor)
    return {
        "visitor": visitor,
        "button": shop.activate("checkout-button", visitor),
        "search": shop.activate("search-page", visitor),
    }


@app.post("/{visitor}/buy")
async def buy(visitor: str):
    await prepared(visitor)
    return {"counted": shop.track("checkout-button", visitor, "bought")["checkout-button"]}


async def prepared(visitor):
    """Other requests go on while the store is asked; then the SDK need not wait for it. If it is away, the SDK decides."""
    with contextlib.suppress(Exception):
        await storage.aprefetch(visitor, CAMPAIGNS)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "3000")), access_log=False)
