"""The official SDK, kept off the network, and the settings of one campaign."""

import json, logging, threading

import vwo

CAMPAIGN = "checkout"
_launching = threading.Lock()


def settings(**weights):
    """A campaign whose variations have these weights."""
    goals = [{"id": id, "identifier": f"g{id}", "type": "CUSTOM_GOAL"} for id in (1, 2)]
    variations = [
        {"id": id, "name": name, "weight": weight, "changes": {}} for id, (name, weight) in enumerate(weights.items(), 1)
    ]
    campaign = {
        "id": 230, "key": CAMPAIGN, "name": CAMPAIGN, "type": "VISUAL_AB", "status": "RUNNING", "percentTraffic": 100,
        "segments": {}, "goals": goals, "variations": variations,
    }
    return json.dumps({"sdkKey": "key", "accountId": 888888, "version": 1, "campaigns": [campaign]})


HALF_AND_HALF = settings(Control=50, New=50)
TEN_AND_NINETY = settings(Control=10, New=90)


def launch(settings=HALF_AND_HALF, storage=None, **options):
    """Development mode: decides and stores as always, but sends nothing to VWO. The SDK cannot launch in two threads at
    once."""
    with _launching:
        client = vwo.launch(settings, logging.getLogger("vwo"), storage, is_development_mode=True, **options)
    if client is None:
        raise RuntimeError("the SDK did not launch")
    return client
