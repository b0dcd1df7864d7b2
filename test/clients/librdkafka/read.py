"""Reads a topic in a group, with librdkafka's own defaults, and writes each value on a line."""

import sys

from confluent_kafka import Consumer

servers, topic, group = sys.argv[1:]
consumer = Consumer({"bootstrap.servers": servers, "group.id": group, "client.id": "c", "auto.offset.reset": "earliest"})
consumer.subscribe([topic])
while True:
    message = consumer.poll(1)
    if message is not None and message.error() is None:
        print(message.value().decode(), flush=True)
