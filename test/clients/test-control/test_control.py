"""A test in Python that decides what becomes of its broker: prints "ok NAME" for each thing that holds.

    kompakt exec --test-control --clock virtual --from SEED --set log.cleanup.policy=compact -- python3 test_control.py DIRECTORY
"""
import json
import os
import sys
import threading
import urllib.error
import urllib.request

from confluent_kafka import Consumer, Producer

servers, http = os.environ["KAFKA_BROKERS"], os.environ["KOMPAKT_HTTP_URL"]


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


def send(topic, *values):
    producer = Producer({"bootstrap.servers": servers, "client.id": "python", "retry.backoff.ms": 20, "linger.ms": 0})
    for value in values:
        producer.produce(topic, key="k", value=value)
    same(0, producer.flush(30))


def faults():
    status, fault = ask("POST", "/test/faults",
                        {"api": "Produce", "topic": "orders", "error": "NOT_LEADER_OR_FOLLOWER", "times": 2})
    same((200, 0, False), (status, fault["hits"], fault["isOver"]))
    send("orders", "first")
    status, fault = ask("GET", f"/test/faults/{fault['id']}")
    same((200, 2, True), (status, fault["hits"], fault["isOver"]))
    same([fault["id"]], [one["id"] for one in ask("GET", "/test/faults")[1]["faults"]])
    same(200, ask("DELETE", f"/test/faults/{fault['id']}")[0])
    same((200, {"faults": []}), ask("DELETE", "/test/faults"))
    status, problem = ask("POST", "/test/faults", {"api": "Produce", "error": "NOT_LEADER"})
    same((400, "error"), (status, problem["option"]))


def requests():
    seen = ask("GET", "/test/requests?api=Produce&client-id=python")[1]["requests"]
    same(["NOT_LEADER_OR_FOLLOWER", "NOT_LEADER_OR_FOLLOWER", "NONE"], [one["error"] for one in seen])
    same([1, 1, 1], [one["body"]["topicData"][0]["partitionData"][0]["records"]["records"] for one in seen])
    same(200, ask("GET", "/test/gaps")[0])


def group():
    """A consumer that polls beside us, as an application would."""
    over = threading.Event()
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "shop", "auto.offset.reset": "earliest",
                         "auto.commit.interval.ms": 100, "fetch.wait.max.ms": 100})
    consumer.subscribe(["orders"])

    def poll():
        while not over.is_set():
            consumer.poll(0.1)
        consumer.close()

    polling = threading.Thread(target=poll)
    polling.start()
    try:
        status, stable = ask("POST", "/test/groups/shop/stable", {"members": 1, "timeoutMs": 20000})
        same((200, ["orders"]), (status, [each["topic"] for each in stable["members"][0]["partitions"]]))
        send("orders", "second", "third")
        status, committed = ask("POST", "/test/groups/shop/committed", {"timeoutMs": 20000})
        same((200, [3]), (status, [each["offset"] for each in committed["partitions"]]))
    finally:
        over.set()
        polling.join()


def waits():
    status, read = ask("POST", "/test/topics/orders/records", {"atLeast": 3})
    same((200, ["first", "second", "third"]), (status, [one["text"] for one in read["records"]]))
    status, problem = ask("POST", "/test/topics/orders/records", {"atLeast": 4, "timeoutMs": 10})
    same((409, "urn:kompakt:wait-failed", "there are 3"), (status, problem["type"], problem["saw"]))
    status, problem = ask("POST", "/test/groups/shop/stable", {"members": 0})
    same((400, "members"), (status, problem["option"]))


def compaction():
    status, done = ask("POST", "/test/topics/orders/compacted")
    same((200, 3), (status, done["partitions"][0]["cleanUpToOffset"]))
    same(["third"], [one["text"] for one in ask("POST", "/test/topics/orders/records")[1]["records"]])
    status, done = ask("POST", "/test/topics/orders/compact", {"includeActive": True})
    same((200, ["orders"]), (status, [receipt["topic"] for receipt in done["receipts"]]))


def clock():
    status, before = ask("GET", "/test/clock")
    same((200, "virtual"), (status, before["kind"]))
    status, after = ask("POST", "/test/clock/advance", {"by": "8d"})
    same((200, before["nowMs"] + 8 * 86_400_000), (status, after["nowMs"]))
    status, problem = ask("POST", "/test/clock/advance", {"by": "-1s"})
    same((400, "clock.advance"), (status, problem["option"]))


def snapshot():
    into = sys.argv[1]
    same((200, {"directory": into}), ask("POST", "/test/snapshots", {"directory": into}))
    assert os.path.exists(os.path.join(into, "meta.properties"))
    status, problem = ask("POST", "/test/snapshots", {"directory": into})
    same((400, "directory"), (status, problem["option"]))


def reset():
    send("seed", "changed")
    same(200, ask("POST", "/test/reset")[0])
    status, problem = ask("POST", "/test/topics/orders/records", {"atLeast": 0})
    same((400, "topic"), (status, problem["option"]))
    same(["seed"], [one["text"] for one in ask("POST", "/test/topics/seed/records")[1]["records"]])
    same([], ask("GET", "/test/requests")[1]["requests"])
    send("orders", "again")
    same(["again"], [one["text"] for one in ask("POST", "/test/topics/orders/records")[1]["records"]])


for test in (faults, requests, group, waits, compaction, clock, snapshot, reset):
    test()
    print("ok", test.__name__, flush=True)
