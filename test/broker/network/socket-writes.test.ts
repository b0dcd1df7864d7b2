import { describe, expect, it } from 'vitest';
import {
  SocketWrites,
  type WritableSocket,
  writtenNowBytesMax,
} from '../../../broker/network/socket-writes.ts';

/** What left by the system (`now`) and by the stream, in order; the system takes so many bytes of each write. */
function socketThat(takes: number) {
  const left: string[] = [];
  const told: string[] = [];
  const waiting: ((error?: Error | null) => void)[] = [];
  const socket: WritableSocket & { writableLength: number; destroyed: boolean } = {
    destroyed: false,
    writableLength: 0,
    cork: () => left.push('cork'),
    uncork: () => left.push('uncork'),
    write: (bytes, written) => {
      left.push(`stream ${Buffer.from(bytes)}`);
      socket.writableLength += bytes.length;
      if (written) waiting.push(written);
      return true;
    },
  };
  const writes = new SocketWrites(socket, (parts) => {
    const bytes = Buffer.concat(parts as Uint8Array[]).subarray(0, takes);
    left.push(`now ${bytes}`);
    return bytes.length;
  });
  const gather = (text: string): void =>
    writes.gather(Buffer.from(text), (error) =>
      told.push(error === null ? text : `${text}: ${error.message}`),
    );
  return { socket, writes, gather, left, told, waiting };
}

describe('the writes of a turn', () => {
  it('leave together at once where they are small and nothing waits before them', () => {
    const { writes, gather, left, told } = socketThat(100);
    gather('head ');
    gather('body');
    expect([left, told, writes.waitingBytes]).toEqual([[], [], 9]);
    writes.flush();
    writes.flush();
    expect([left, told, writes.waitingBytes]).toEqual([['now head body'], ['head ', 'body'], 0]);
  });

  it('leave by the stream from the first byte on that the system did not take', () => {
    const { gather, writes, left, told, waiting } = socketThat(6);
    for (const text of ['head ', 'body', 'tail']) gather(text);
    writes.flush();
    expect(left).toEqual(['now head b', 'cork', 'stream ody', 'stream tail', 'uncork']);
    expect(told).toEqual(['head ']);
    for (const written of waiting) written(null);
    expect(told).toEqual(['head ', 'body', 'tail']);
  });

  it('wait behind what the stream has still to send, which is all that is large', () => {
    const { gather, writes, left } = socketThat(100);
    writes.gather(Buffer.alloc(writtenNowBytesMax + 1, 'x'), null);
    writes.flush();
    gather('small');
    writes.flush();
    expect(left.map((each) => each.slice(0, 12))).toEqual(['stream xxxxx', 'stream small']);
  });

  it('are told as failed where the socket is gone, and sent nowhere', () => {
    const { socket, gather, writes, left, told } = socketThat(100);
    gather('dropped');
    writes.drop(new Error('closed'));
    gather('late');
    socket.destroyed = true;
    writes.flush();
    expect(told).toEqual(['dropped: closed', 'late: the connection is closed']);
    expect([left, writes.waitingBytes]).toEqual([[], 0]);
  });

  it('that a written one causes are for the next flush', () => {
    const { writes, gather, left } = socketThat(100);
    writes.gather(Buffer.from('first'), () => gather('second'));
    writes.flush();
    expect(left).toEqual(['now first']);
    writes.flush();
    expect(left).toEqual(['now first', 'now second']);
  });
});
