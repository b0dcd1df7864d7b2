/** The Lookup service over TCP (broker/lookup/rpc-listener.ts). The control socket has it in any case. */
import { int, password, string } from '../../../storage/config/define.ts';

export const lookupRpcKeys = {
  'kompakt.lookup.rpc.port': int({
    default: -1,
    min: -1,
    max: 65_535,
    doc: 'Where programs that cannot use the control socket look keys up (connectLookup, kompakt get --remote). 0 takes a free port, -1 opens none.',
  }),
  'kompakt.lookup.rpc.host': string({
    default: '127.0.0.1',
    nonEmpty: true,
    doc: 'The address for kompakt.lookup.rpc.port. Anything but a loopback address needs kompakt.lookup.rpc.token.',
  }),
  'kompakt.lookup.rpc.token': password({
    default: null,
    doc: 'What a program has to show on kompakt.lookup.rpc.port. It crosses the network as it is: there is no encryption yet. The command line reads it from the environment variable KOMPAKT_LOOKUP_TOKEN too, where no list of processes shows it.',
  }),
};
