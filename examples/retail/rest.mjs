/* The store over HTTP, as a shop's till asks it: one agent that keeps its connections. */
import { Agent, request } from 'node:http';

export function connectRest(address, { connections = 64 } = {}) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, noDelay: true });
  const { hostname, port } = new URL(address);

  function ask(method, path, body) {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    return new Promise((done, fail) => {
      const asked = request({ agent, hostname, port, method, path, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => (text += chunk));
        response.on('error', fail);
        response.on('end', () => done({ status: response.statusCode, text }));
      });
      asked.on('error', fail);
      asked.end(body);
    });
  }

  /** The value of a key as text, or the part of it that `at` points to; null where there is none. */
  async function get(topic, key, query = {}) {
    const search = new URLSearchParams(query).toString();
    const path = `/topics/${topic}/keys/${encodeURIComponent(key)}${search === '' ? '' : `?${search}`}`;
    const { status, text } = await ask('GET', path);
    if (status === 404) return null;
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${text}`);
    return text;
  }

  /** The values of many keys, in their order; null where there is none. */
  async function getMany(topic, keys) {
    const found = [];
    for (let at = 0; at < keys.length; at += 1000) {
      const path = `/topics/${topic}/keys:batch`;
      const { status, text } = await ask('POST', path, JSON.stringify({ keys: keys.slice(at, at + 1000) }));
      if (status !== 200) throw new Error(`POST ${path}: ${status} ${text}`);
      for (const { record } of JSON.parse(text).answers) found.push(record?.json ?? null);
    }
    return found;
  }

  /** How many keys live in a topic. */
  async function count(topic) {
    let found = 0;
    for (let after = ''; after !== null; ) {
      const path = `/topics/${topic}/keys?limit=10000${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`;
      const { status, text } = await ask('GET', path);
      if (status !== 200) throw new Error(`GET ${path}: ${status} ${text}`);
      const page = JSON.parse(text);
      found += page.records.length;
      after = page.next;
    }
    return found;
  }

  return { get, getMany, count, close: () => agent.destroy() };
}
