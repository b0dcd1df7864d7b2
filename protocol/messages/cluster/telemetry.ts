/** Metrics that clients push to brokers (KIP-714). */
import { defineApi } from '../../schema/api.ts';
import { array, boolean, bytes, int8, int16, int32, string, uuid } from '../../schema/field.ts';

/** Asks which metrics to push. */
export const getTelemetrySubscriptions = defineApi({
  key: 71,
  name: 'GetTelemetrySubscriptions',
  versions: '0',
  flexible: '0+',
  request: {
    clientInstanceId: uuid,
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    clientInstanceId: uuid,
    subscriptionId: int32,
    acceptedCompressionTypes: array(int8),
    pushIntervalMs: int32,
    telemetryMaxBytes: int32,
    deltaTemporality: boolean,
    requestedMetrics: array(string),
  },
});

/** Pushes metrics, as compressed OpenTelemetry protobuf. */
export const pushTelemetry = defineApi({
  key: 72,
  name: 'PushTelemetry',
  versions: '0',
  flexible: '0+',
  request: {
    clientInstanceId: uuid,
    subscriptionId: int32,
    terminating: boolean,
    compressionType: int8,
    metrics: bytes,
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
  },
});
