"""What schemathesis has to be told about the API: how lines are sent."""
import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return str(value).encode("utf-8", "surrogatepass")
