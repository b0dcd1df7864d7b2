/** What can be asked of the command `kompakt`: reads its arguments, and loads only what the command at hand needs. */
import { Command, Option } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import {
  bootstrapOption,
  dataDirOption,
  defaultDataDirectory,
  jsonOption,
  partitionOption,
  wholeNumber,
} from './command-options.ts';
import { addLookupCommands } from './lookup-options.ts';
import { addMovingCommands } from './moving-options.ts';

const program = new Command('kompakt')
  .description('A Kafka-compatible log broker in one Node process.')
  .version(manifest.version, '-V, --version', 'print the version')
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'kompakt: ')) })
  // What follows the command of `exec` is the command's.
  .enablePositionalOptions()
  .showHelpAfterError('(kompakt --help lists commands and options)');

/** Of a broker that the command itself runs. Defaults that differ between such commands are in their texts. */
function addBrokerOptions(
  command: Command,
  defaults: Readonly<Record<'host' | 'port' | 'data' | 'http', string>>,
): Command {
  return command
    .option('--host <host>', `where to listen (default: ${defaults.host})`)
    .option('--port <port>', `where to listen; 0 takes a free port (default: ${defaults.port})`)
    .option('--data-dir <directory>', `where the log lies (default: ${defaults.data})`)
    .option('--memory', 'keep everything in memory')
    .option('--http-host <host>', 'where HTTP listens (default: 127.0.0.1); beyond this machine with a token')
    .option('--http-port <port>', `where HTTP listens; 0 takes a free port (default: ${defaults.http})`)
    .option('--http-token-file <path>', 'a file with the token that every request over HTTP has to show')
    .option(
      '--from <directory>',
      'begin with the state of this data directory, which stays as it is; without --data-dir in a temporary one',
    )
    .option(
      '--test-control',
      'tests may control the broker over HTTP: faults, requests, waits, compaction, clock, snapshot, reset',
    )
    .option(
      '--clock <clock>',
      'with --test-control: real, virtual (tests move it), or virtual@TIME (default: real)',
    )
    .option('--properties <file>', 'a Kafka server.properties')
    .option('--ignore-acls', 'serve a directory with ACLs or SCRAM users, which are not enforced')
    .option(
      '--set <key=value>',
      'one configuration key; may be repeated',
      (value, all: string[]) => [...all, value],
      [],
    )
    .option(
      '--ready-file <path>',
      'a file that appears when the broker is ready, with a line of JSON, and goes with it',
    );
}

const logLevelOption = (level: string) =>
  new Option('--log-level <level>', 'least level that is logged')
    .choices(['debug', 'info', 'warn', 'error', 'silent'])
    .default(level);

addBrokerOptions(program.command('serve').description('run a broker until SIGTERM or SIGINT'), {
  host: 'localhost',
  port: '9092',
  data: defaultDataDirectory,
  http: '9080',
})
  .option('--no-http', 'serve no HTTP')
  .addOption(logLevelOption('info'))
  .action(async (options) => {
    const { serve } = await import('./serve.ts');
    process.exitCode = await serve(options);
  });

addBrokerOptions(
  program
    .command('exec')
    .description('run a command with a broker of its own, whose address it finds in KAFKA_BROKERS')
    .usage('[options] -- COMMAND [ARG...]')
    .argument('<command...>')
    .passThroughOptions()
    // As all that is our failure and not the command's: exec.ts.
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 125)),
  { host: '127.0.0.1', port: '0', data: 'none: in memory', http: 'no HTTP' },
)
  .addOption(logLevelOption('warn'))
  .action(async (words, options) => {
    const { exec } = await import('./exec.ts');
    process.exitCode = await exec(words, options);
  });

/** For a directory without a broker. */
const settingsOptions = () => [
  new Option('--properties <file>', 'without a running broker: its server.properties'),
  new Option(
    '--set <key=value>',
    'without a running broker: one configuration key; may be repeated',
  ).argParser((value: string, all: string[] = []) => [...all, value]),
];

program
  .command('status')
  .description('show what a running broker and its cleaner are doing')
  .addOption(dataDirOption())
  .addOption(bootstrapOption())
  .addOption(jsonOption())
  .action(async (options) => {
    const { status } = await import('./control-commands.ts');
    process.exitCode = await status(options);
  });

program
  .command('gaps')
  .description(
    'show what clients asked a running broker for, or its configuration, that it refuses or ignores',
  )
  .addOption(dataDirOption())
  .addOption(bootstrapOption())
  .addOption(jsonOption())
  .action(async (options) => {
    const { gaps } = await import('./control-commands.ts');
    process.exitCode = await gaps(options);
  });

program
  .command('stop')
  .description('stop a running broker, and wait until it has stopped')
  .addOption(dataDirOption())
  .addOption(bootstrapOption())
  .action(async (options) => {
    const { stop } = await import('./control-commands.ts');
    process.exitCode = await stop(options);
  });

const compact = program
  .command('compact')
  .description(
    'compact a topic now, by its broker or, where none is running, on its files; say what that did',
  )
  .argument('<topic>')
  .addOption(partitionOption())
  .option('--include-active', 'roll the active segment first, so that it is cleaned too')
  .option('--drop-tombstones-older-than <duration>', 'drop tombstones so old at once: 90s, 24h, 7d, or ms')
  .option('--dry-run', 'only say what it would do')
  .addOption(jsonOption())
  .addOption(dataDirOption())
  .addOption(bootstrapOption());
for (const option of settingsOptions()) compact.addOption(option);
compact.action(async (topic, options) => {
  const { compact } = await import('./compaction-commands.ts');
  process.exitCode = await compact(topic, options);
});

const explain = program
  .command('explain')
  .description('show every record of a key that is still in the log, and why')
  .argument('<topic>')
  .argument('<key>')
  .addOption(partitionOption())
  .option('--key-hex', 'the key is given in hexadecimal digits')
  .option('--key-base64', 'the key is given in base64')
  .addOption(
    new Option(
      '--limit <number>',
      'records shown of each partition, the newest; at most 10000 (default: 1000)',
    ).argParser(wholeNumber(1, 10_000)),
  )
  .addOption(jsonOption())
  .addOption(dataDirOption())
  .addOption(bootstrapOption());
for (const option of settingsOptions()) explain.addOption(option);
explain.action(async (topic, key, options) => {
  const { explain } = await import('./compaction-commands.ts');
  process.exitCode = await explain(topic, key, options);
});

addLookupCommands(program);
addMovingCommands(program);

// Whoever reads our output may have had enough of it (`kompakt explain … | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

export async function runCommandLine(): Promise<void> {
  await program.parseAsync();
}
