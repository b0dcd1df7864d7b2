/** The configuration that the options of a command give. */
import { readFileSync } from 'node:fs';
import { type Configuration, readConfiguration, type SettingsSources } from '../broker/config/settings.ts';
import { parseAssignments } from '../broker/config/sources.ts';

export interface GivenSettings {
  readonly host?: string;
  readonly port?: string;
  readonly dataDir?: string;
  readonly memory?: boolean;
  readonly ignoreAcls?: boolean;
  /** Path of a server.properties. */
  readonly properties?: string;
  /** key=value */
  readonly set?: readonly string[];
}

/** The configuration, or the line that says what is wrong with it. */
export function configurationOf(options: GivenSettings): Configuration | string {
  const port = options.port === undefined ? undefined : Number(options.port);
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535))
    return `--port ${options.port} is not a port: a number from 0 to 65535`;
  if (options.memory && options.dataDir !== undefined)
    return '--memory and --data-dir contradict each other; give one of them';
  const assignments = parseAssignments(options.set ?? []);
  if (!assignments.ok) return assignments.message;
  const directoryKey = ['log.dirs', 'log.dir'].find((key) => assignments.set.has(key));
  if (options.memory && directoryKey !== undefined)
    return `--memory and --set ${directoryKey} contradict each other; give one of them`;
  const set = new Map(assignments.set);
  if (options.ignoreAcls) set.set('kompakt.ignore.acls', 'true');
  let sources: SettingsSources = { set };
  if (options.host !== undefined) sources = { ...sources, host: options.host };
  if (port !== undefined) sources = { ...sources, port };
  if (options.dataDir !== undefined) sources = { ...sources, dataDirectory: options.dataDir };
  if (options.properties !== undefined) {
    try {
      const text = readFileSync(options.properties, 'utf8');
      sources = { ...sources, file: { name: options.properties, text } };
    } catch (error) {
      return `cannot read ${options.properties}: ${(error as Error).message}`;
    }
  }
  const result = readConfiguration(sources);
  return result.ok ? result.configuration : result.messages.join('; ');
}
