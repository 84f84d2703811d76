"""What schemathesis has to be told about the API: how lines are sent."""
import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return str(value).encode("utf-8", "surrogatepass")


# A schema counts characters, Stayput bytes.
BYTES = {"scope": 128, "userId": 1024, "campaignKey": 256, "featureKey": 256, "variationName": 256, "over": 256}


def fits(fields):
    """Whether all texts are as short in bytes as the schema wants them in characters."""
    texts = [(BYTES.get(name), text) for name, text in fields.items() if isinstance(text, str)]
    if isinstance(goals := fields.get("goalIdentifier"), str):
        texts += [(256, goal) for goal in goals.split("_vwo_")]
    return all(limit is None or len(text.encode("utf-8", "surrogatepass")) <= limit for limit, text in texts)


@schemathesis.hook
def filter_case(context, case):
    """What no schema says: sizes in bytes; that the records of one batch are of different keys, each of its kind."""
    body = case.body if isinstance(case.body, dict) else {}
    batch = [it for name in ("records", "keys") if isinstance(body.get(name), list) for it in body[name] if isinstance(it, dict)]
    if not all(fits(dict(fields or {})) for fields in (case.query, case.path_parameters, body, *batch)):
        return False
    name = "featureKey" if (case.query or {}).get("kind") == "fme" else "campaignKey"
    records = body.get("records") if isinstance(body.get("records"), list) else []
    records = [record for record in records if isinstance(record, dict)]
    keys = [(str(record.get("userId")), str(record.get(name))) for record in records]
    return len(set(keys)) == len(keys) and all(name in record for record in records)
