"""The user storage that plugs Stayput into VWO's Python SDK."""

import http.client, json, os, secrets, threading
from urllib.parse import quote

import vwo


class StayputStorage(threading.local, vwo.UserStorage):  # a connection and a memory for each thread
    def __init__(self, address="127.0.0.1:7717", timeout=2.0):
        self.http, self.read, self.pid = http.client.HTTPConnection(address, timeout=timeout), {}, os.getpid()

    def get(self, user_id, campaign_key):
        self.read.pop((user_id, campaign_key), None)  # a get that fails leaves nothing for set to replace
        status, etag, answer = self.call("GET", user_id, campaign_key)
        if status == 404 and answer["error"]["kind"] == "absent":
            return None
        if status != 200:
            raise RuntimeError(answer["error"]["message"])  # the SDK decides anew, and set replaces nothing
        if len(self.read) >= 1024:
            self.read.pop(next(iter(self.read)))  # forgetting is harmless
        self.read[user_id, campaign_key] = {"over": answer["variationName"], "overBy": etag}
        if "goalIdentifier" in answer:
            answer["goalIdentifiers"] = answer.pop("goalIdentifier")  # as this SDK spells it
        return answer

    def set(self, record):
        read = self.read.pop((record["userId"], record["campaignKey"]), {})
        body = json.dumps({**record, **read, "claimId": secrets.token_hex(8)})
        status, _, answer = self.call("PUT", record["userId"], record["campaignKey"], body)
        if status != 200:
            raise RuntimeError(answer["error"]["message"])

    def call(self, method, user_id, campaign_key, body=None):
        path = f"/v1/users/{quote(user_id, safe='')}/campaigns/{quote(campaign_key, safe='')}"
        if self.pid != os.getpid():  # after a fork, the connection is the parent's
            self.http.close()
            self.pid = os.getpid()
        for last in (False, True):  # a kept connection may be dead; repeating is safe, the claim id is the same
            try:
                self.http.request(method, path, body)
                answer = self.http.getresponse()
                return answer.status, answer.getheader("ETag"), json.loads(answer.read())
            except (OSError, http.client.HTTPException):
                self.http.close()
                if last:
                    raise
