/** Keys for one listener: `listener.name.<name>.<key>`, for SASL with the mechanism in between. */
import { brokerKeys } from './broker-keys.ts';

const form = /^listener\.name\.[^.]+\.(.+)$/;

/** The key that such a name is about, or undefined when it is none or has no known end. */
export function baseKeyOf(name: string): string | undefined {
  let rest = form.exec(name)?.[1];
  while (rest !== undefined && !Object.hasOwn(brokerKeys, rest)) {
    const dot = rest.indexOf('.');
    rest = dot < 0 ? undefined : rest.slice(dot + 1);
  }
  return rest;
}

/** Why a listener's own key has no effect. */
export function listenerKeyReason(baseKey: string): string {
  return (
    brokerKeys[baseKey]?.accepted ??
    'ignored because keys of single listeners are not served yet; set the key itself'
  );
}
