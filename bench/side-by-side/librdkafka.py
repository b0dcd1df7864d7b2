"""librdkafka by way of confluent-kafka: librdkafka.py produce|consume PORT TOPIC MESSAGES; one line of JSON."""

import json
import resource
import sys
import time
import uuid

from confluent_kafka import Consumer, Producer

mode, port, topic, messages = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
servers = f"127.0.0.1:{port}"
value = b"x" * 1024


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def produce():
    producer = Producer(
        {"bootstrap.servers": servers, "linger.ms": 5, "acks": "all", "queue.buffering.max.messages": 200000}
    )
    for _ in range(messages):
        while True:
            try:
                producer.produce(topic, value)
                break
            except BufferError:
                producer.poll(0.01)
    if producer.flush(120) != 0:
        sys.exit("not all was acknowledged")


def consume():
    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": str(uuid.uuid4()), "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    seen = 0
    while seen < messages:
        batch = consumer.consume(min(10000, messages - seen), 60)
        if not batch:
            sys.exit(f"only {seen} of {messages} came")
        seen += len(batch)
    consumer.close()


started, before = time.monotonic(), cpu()
produce() if mode == "produce" else consume()
seconds = time.monotonic() - started
print(json.dumps({"seconds": seconds, "cpuSeconds": cpu() - before, "count": messages}))
