"""A test in Python that lets its broker fail, and asks it what was sent: prints "ok NAME" for each thing that holds."""
import json
import sys
import urllib.error
import urllib.request

from confluent_kafka import Producer

servers, http = sys.argv[1:]


def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(http + path, data, {"content-type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def same(expected, found):
    if expected != found:
        raise AssertionError(f"expected {expected}, found {found}")


status, fault = ask("POST", "/test/faults",
                    {"api": "Produce", "topic": "orders", "error": "NOT_LEADER_OR_FOLLOWER", "times": 2})
same((200, 0, False), (status, fault["hits"], fault["isOver"]))
producer = Producer({"bootstrap.servers": servers, "client.id": "python", "retry.backoff.ms": 20, "linger.ms": 0})
producer.produce("orders", key="k", value="v")
same(0, producer.flush(30))
status, fault = ask("GET", f"/test/faults/{fault['id']}")
same((200, 2, True), (status, fault["hits"], fault["isOver"]))
print("ok fault")

status, seen = ask("GET", "/test/requests?api=Produce&client-id=python")
same(["NOT_LEADER_OR_FOLLOWER", "NOT_LEADER_OR_FOLLOWER", "NONE"], [one["error"] for one in seen["requests"]])
same([1, 1, 1], [one["body"]["topicData"][0]["partitionData"][0]["records"]["records"] for one in seen["requests"]])
print("ok requests")

status, problem = ask("POST", "/test/faults", {"api": "Produce", "error": "NOT_LEADER"})
same((400, "error"), (status, problem["option"]))
print("ok problem")

status, done = ask("POST", "/test/topics/orders/compact", {"includeActive": True})
same((200, ["orders"]), (status, [receipt["topic"] for receipt in done["receipts"]]))
status, gaps = ask("GET", "/test/gaps")
same(200, status)
print("ok compaction and gaps")
