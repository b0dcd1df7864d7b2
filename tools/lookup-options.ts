/** The commands of the key/value store, as commander knows them; what they do is loaded when one is given. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { bootstrapOption, dataDirOption, wholeNumber } from './command-options.ts';

const encodings = 'text; hex:… and base64:… stand for bytes, text:… for text that begins so';

export function addLookupCommands(program: Command): void {
  const get = program
    .command('get')
    .description('look a key of a compacted topic up: its newest value')
    .argument('<topic>')
    .argument('<key>', encodings)
    .addOption(partitionOption())
    .addOption(new Option('--min-offset <offset>', 'wait until this offset can be seen').argParser(offset()))
    .addOption(
      new Option('--as-of-offset <offset>', 'as it was when this one was the last').argParser(offset()),
    )
    .option('--as-of <time>', 'as it was then: 2026-11-25T18:41:01Z, or milliseconds since 1970')
    .option('--history', 'all records of the key that the log still has')
    .addOption(
      new Option('--limit <number>', 'with --history: the newest so many (default: 100)').argParser(
        wholeNumber(1, 10_000),
      ),
    )
    .option('--raw', 'the bytes of the value and nothing else');
  act(common(get), async ([topic, key], options, { get }) => get(topic!, key!, options));

  const put = program
    .command('put')
    .description('write a value under a key')
    .argument('<topic>')
    .argument('<key>', encodings)
    .argument('[value]', 'left out: from --value-file or a pipe')
    .addOption(new Option('--value-file <path>', 'what to write; - is stdin'))
    .option('--create-only', 'only if the key does not live');
  act(common(writing(put)), async ([topic, key, value], options, { put }) =>
    put(topic!, key!, value, options),
  );

  const remove = program
    .command('delete')
    .description('write a tombstone under a key')
    .argument('<topic>')
    .argument('<key>', encodings);
  act(common(writing(remove)), async ([topic, key], options, { remove }) => remove(topic!, key!, options));

  const scan = program
    .command('scan')
    .description('print the newest values of all keys, by partition and offset')
    .argument('<topic>')
    .addOption(partitionOption())
    .option('--prefix <key>', 'of keys that begin so')
    .addOption(new Option('--limit <number>', 'so many (default: all)').argParser(wholeNumber(1)));
  act(common(scan), async ([topic], options, { scan }) => scan(topic!, options));

  const watch = program
    .command('watch')
    .description('print the newest values, then every change as it happens')
    .argument('<topic>')
    .argument('[key]', encodings)
    .addOption(partitionOption())
    .option('--prefix <key>', 'of keys that begin so')
    .option('--after <position>', 'only what came after this position of an earlier watch');
  act(common(watch), async ([topic, key], options, { watch }) => watch(topic!, key, options));

  const sql = program
    .command('sql')
    .description('run a query over the newest values of topics, each of which is a table (needs DuckDB)')
    .argument('[query]', 'left out: from a pipe')
    .addOption(
      new Option('--format <format>', 'default: table on a terminal, json in a pipe').choices([
        'table',
        'json',
        'csv',
      ]),
    )
    .addOption(
      new Option('--memory-limit <bytes>', 'for the query and all that it reads')
        .default('1GB')
        .argParser(memorySize),
    );
  asking(sql).action(async (query, options) => {
    const { sql } = await import('./sql-command.ts');
    process.exitCode = await sql(query, options);
  });
}

function memorySize(text: string): string {
  if (/^[1-9]\d{0,6}[MG]B$/.test(text)) return text;
  throw new InvalidArgumentError('a size is wanted, as in 500MB or 4GB.');
}

type Commands = typeof import('./lookup-commands.ts');

function act(
  command: Command,
  run: (args: (string | undefined)[], options: never, commands: Commands) => Promise<number>,
): void {
  command.action(async () => {
    const { processedArgs } = command as unknown as { processedArgs: (string | undefined)[] };
    process.exitCode = await run(
      processedArgs,
      command.opts() as never,
      await import('./lookup-commands.ts'),
    );
  });
}

const partitionOption = () =>
  new Option('--partition <number>', 'only this one (default: wherever it is)').argParser(wholeNumber(0));
const offset = () => wholeNumber(0, Number.MAX_SAFE_INTEGER);

function writing(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--partition <number>',
        "default: where the key lives, else where Java's client puts it",
      ).argParser(wholeNumber(0)),
    )
    .addOption(
      new Option('--header <name=value>', 'may be repeated').argParser(
        (value: string, all: string[] = []) => [...all, value],
      ),
    )
    .option('--if-match <etag>', 'only if the newest record of the key is this one; * if it lives at all');
}

/** What those that take keys have. */
function common(command: Command): Command {
  command
    .option('--key-hex', 'keys are given in hexadecimal digits')
    .option('--key-base64', 'keys are given in base64')
    .addOption(
      new Option('--json', 'print JSON, a line for each record: the default in a pipe').conflicts('text'),
    )
    .option('--text', 'print it for a person to read: the default on a terminal');
  return asking(command);
}

/** What all of them have. */
function asking(command: Command): Command {
  return command
    .option(
      '--wait <duration>',
      'for a table that is being read, or an offset that is not there yet (default: 1s)',
    )
    .addOption(dataDirOption())
    .addOption(bootstrapOption())
    .option('--remote <host:port>', 'a broker that listens there for lookups (kompakt.lookup.rpc.port)')
    .option('--token-file <path>', 'of the token for --remote (default: in KOMPAKT_LOOKUP_TOKEN)');
}
