#!/usr/bin/env python3
"""Settings with as many feature tests as wanted beside one A/B test: settings.py FILE CAMPAIGNS"""
import json, sys

TYPES = ("string", "integer", "double", "boolean", "json")


def variables(name):
    values = (f"{name} text", 42, 1.25, True, {"name": name, "list": [1, 2, {"x": None}]})
    return [{"id": i, "key": f"{kind}_variable", "type": kind, "value": value} for i, (kind, value) in enumerate(zip(TYPES, values))]


def campaign(place):
    goals = [{"id": 200 + i, "identifier": f"goal-{i}", "type": "CUSTOM_GOAL"} for i in range(4)]
    one = {"id": place, "key": f"campaign-{place}", "name": f"Campaign {place}", "status": "RUNNING", "type": "FEATURE_TEST",
           "percentTraffic": 100, "goals": goals, "segments": {"or": [{"custom_variable": {"plan": "gold"}}, {"custom_variable": {"age": "gt(18)"}}]}}
    one["variations"] = [{"id": i + 1, "name": f"Variation-{i}", "weight": 25, "changes": {}, "isFeatureEnabled": True, "variables": variables(f"v{i}")} for i in range(4)]
    if place == 1:
        one.update(key="checkout", type="VISUAL_AB", segments={}, variations=[{"id": i + 1, "name": name, "weight": 50, "changes": {}} for i, name in enumerate(("Control", "Variation-1"))])
    return one


settings = {"sdkKey": "key", "accountId": 888888, "version": 1, "campaigns": [campaign(i + 1) for i in range(int(sys.argv[2]))]}
with open(sys.argv[1], "w") as file:
    json.dump(settings, file, separators=(",", ":"))
