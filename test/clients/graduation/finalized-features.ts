/** The levels of features that a broker tells clients. */
import { apiVersions } from '../../../protocol/messages/cluster/api-versions.ts';
import { Client } from '../../../tools/client.ts';

export async function finalizedFeatures(port: number): Promise<ReadonlyMap<string, number>> {
  const client = await Client.connect('127.0.0.1', port);
  try {
    const asked = { clientSoftwareName: 'test', clientSoftwareVersion: '1' };
    const { finalizedFeatures: features } = await client.request(apiVersions, 3, asked);
    return new Map(features.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]));
  } finally {
    client.close();
  }
}
