/** The port for HTTP (broker/http). */
import { boolean, int, list, password, string } from '../../../storage/config/define.ts';
import { isOrigin } from '../http-names.ts';

export const httpKeys = {
  'kompakt.http.enable': boolean({
    default: true,
    doc: 'Serve compacted topics over HTTP. The command line calls false --no-http; a broker inside another program serves HTTP only when asked.',
  }),
  'kompakt.http.host': string({
    default: '127.0.0.1',
    nonEmpty: true,
    doc: 'Where HTTP listens. Anything but a loopback address needs kompakt.http.token.',
  }),
  'kompakt.http.port': int({
    default: 9080,
    min: 0,
    max: 65_535,
    doc: 'Where HTTP listens; 0 takes a free port. The default port may be taken, which costs a warning and HTTP; one that was chosen may not.',
  }),
  'kompakt.http.token': password({
    default: null,
    doc: 'What every request over HTTP has to show, as Authorization: Bearer TOKEN; /health alone needs none. The command line reads it from --http-token-file or the environment variable KOMPAKT_HTTP_TOKEN too, where no list of processes shows it.',
  }),
  'kompakt.http.allowed.hosts': list({
    default: [],
    doc: 'Names of this server, besides loopback and kompakt.http.host, that a request may have in its Host header. Others are refused, since a web page can make any name of its own point here.',
  }),
  'kompakt.http.cors.origins': list({
    default: [],
    valid: 'a list of scheme://host or scheme://host:port',
    check: (origins) =>
      origins.every(isOrigin) ? undefined : 'each entry must be scheme://host or scheme://host:port',
    doc: 'Origins whose web pages may read and write over HTTP from a browser.',
  }),
  'kompakt.test.control': boolean({
    default: false,
    doc: 'Whether tests may control this broker over HTTP: faults, the requests that came, waits, compaction, the clock, snapshots, and a reset, which empties the data directory. The command line calls it --test-control.',
  }),
  'kompakt.http.connections.max': int({
    default: 2_000,
    min: 1,
    doc: 'Connections to the HTTP port at a time; more are closed as they come.',
  }),
  'kompakt.http.change.streams.max': int({
    default: 1_000,
    min: 0,
    doc: 'Change streams over HTTP at a time; more are answered 429.',
  }),
};
