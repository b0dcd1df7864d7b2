/** How a broker tells a controller who asked, inside an Envelope request. */
import { defineRecord } from '../../schema/api.ts';
import { boolean, string } from '../../schema/field.ts';

/** Kafka's default form of a principal. */
export const defaultPrincipalData = defineRecord({
  name: 'DefaultPrincipalData',
  versions: '0',
  flexible: '0+',
  fields: {
    type: string,
    name: string,
    tokenAuthenticated: boolean,
  },
});
