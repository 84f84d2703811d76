"""What the workers of gunicorn run in the tests: a storage and a client that were opened before they were forked."""

import json, os

import sdk
from scene import opened

storage = opened(os.environ["PRELOADED_STORE"])
client = sdk.launch({"even": sdk.HALF_AND_HALF, "uneven": sdk.TEN_AND_NINETY}[os.environ["PRELOADED_WEIGHTS"]], storage)
client.activate(sdk.CAMPAIGN, "master")


def app(environ, start_response):
    """`/USER`: what this worker shows the user."""
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([os.getpid(), client.activate(sdk.CAMPAIGN, environ["PATH_INFO"][1:])]).encode()]
