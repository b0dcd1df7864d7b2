"""librdkafka's transactions, by way of Python's confluent-kafka: prints "ok NAME" for each thing that holds."""
import sys
import time
import uuid

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

servers = sys.argv[1]
admin = AdminClient({"bootstrap.servers": servers})
for future in admin.create_topics([NewTopic("in", 1, 1), NewTopic("out", 2, 1)]).values():
    future.result()


def producer(transactional_id):
    made = Producer({"bootstrap.servers": servers, "transactional.id": transactional_id})
    made.init_transactions(30)
    return made


def consumer(group, **more):
    return Consumer({"bootstrap.servers": servers, "group.id": group, "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, "isolation.level": "read_committed", **more})


def read(topic, count):
    reader = consumer(str(uuid.uuid4()))
    reader.subscribe([topic])
    values, end = [], time.time() + 30
    while time.time() < end and len(values) < count:
        message = reader.poll(0.2)
        if message is not None and not message.error():
            values.append(message.value().decode())
    message = reader.poll(0.5)
    if message is not None and not message.error():
        values.append(message.value().decode())
    reader.close()
    return sorted(values)


def same(expected, found):
    if expected != found:
        raise AssertionError(f"expected {expected}, found {found}")


tx = producer("tx")
tx.begin_transaction()
for i in range(5):
    tx.produce("in", key="k", value=f"i{i}")
tx.commit_transaction()
tx.begin_transaction()
tx.produce("in", key="k", value="never")
tx.flush(10)
tx.abort_transaction()
same([f"i{i}" for i in range(5)], read("in", 5))
print("ok commit and abort")

source = consumer("movers")
source.subscribe(["in"])
seen, end = [], time.time() + 30
while len(seen) < 5 and time.time() < end:
    message = source.poll(0.2)
    if message is not None and not message.error():
        seen.append(message.value().decode())
for moved in (False, True):
    tx.begin_transaction()
    for value in seen:
        tx.produce("out", key=value, value=f"{moved} {value}")
    tx.flush(10)
    tx.send_offsets_to_transaction(source.position(source.assignment()), source.consumer_group_metadata())
    tx.commit_transaction() if moved else tx.abort_transaction()
same([f"True i{i}" for i in range(5)], read("out", 5))
# 5 records, a marker, an aborted record, a marker
same([5], [p.offset for p in source.committed([TopicPartition("in", 0)], 10)])
source.close()
print("ok offsets in a transaction")

zombie = producer("fleet")
zombie.begin_transaction()
zombie.produce("out", value="zombie")
zombie.flush(10)
heir = producer("fleet")
try:
    zombie.commit_transaction(20)
    raise AssertionError("the zombie has committed")
except KafkaException as error:
    same(True, error.args[0].fatal())
heir.begin_transaction()
heir.produce("out", value="heir")
heir.commit_transaction()
same("heir", read("out", 6)[-1])
print("ok fencing")
