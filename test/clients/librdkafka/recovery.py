"""librdkafka writes, reads in a group and ends transactions while things go wrong: prints "ok NAME" for each thing that holds."""
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition

servers = sys.argv[1]
base = {"bootstrap.servers": servers, "retry.backoff.ms": 20, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200}
expected = []


def same(wanted, found):
    if wanted != found:
        raise AssertionError(f"expected {wanted}, found {found}")


producer = Producer({**base, "enable.idempotence": True, "linger.ms": 0})
for i in range(20):
    producer.produce("orders", key="k", value=f"v{i}", partition=0)
    same(0, producer.flush(30))
    expected.append(f"v{i}")
print("ok written")

producer = Producer({**base, "transactional.id": "tx"})
producer.init_transactions(30)
for i in range(3):
    producer.begin_transaction()
    producer.produce("orders", key="k", value=f"t{i}", partition=0)
    producer.commit_transaction(30)
    expected.append(f"t{i}")
print("ok transactions")

consumer = Consumer({**base, "group.id": "readers", "auto.offset.reset": "earliest", "enable.auto.commit": False,
                     "isolation.level": "read_committed", "heartbeat.interval.ms": 100})
consumer.subscribe(["orders"])
seen, end, least = [], time.time() + 60, time.time() + 3
# Also for as long as a heartbeat needs to be refused.
while time.time() < end and (len(seen) < len(expected) or time.time() < least):
    message = consumer.poll(0.2)
    if message is not None and not message.error() and message.value().decode() not in seen:
        seen.append(message.value().decode())
same(expected, seen)
consumer.commit(asynchronous=False)
[committed] = consumer.committed([TopicPartition("orders", 0)], 30)
[position] = consumer.position([TopicPartition("orders", 0)])
same(position.offset, committed.offset)
consumer.close()
print("ok read")
