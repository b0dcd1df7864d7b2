#!/usr/bin/env node
/** The command `kompakt`: reads its arguments, and loads only what the command at hand needs. */
import * as nodeModule from 'node:module';
import { Command, Option } from 'commander';
import manifest from '../package.json' with { type: 'json' };

// From Node 22.1 on V8's work on the broker's bundle is kept for the next start, which is a sixth shorter for it.
(nodeModule as { enableCompileCache?: () => unknown }).enableCompileCache?.();

const defaultDataDirectory = './kompakt-data';

const program = new Command('kompakt')
  .description('A Kafka-compatible log broker in one Node process.')
  .version(manifest.version, '-V, --version', 'print the version')
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'kompakt: ')) })
  .showHelpAfterError('(kompakt --help lists commands and options)');

program
  .command('serve')
  .description('run a broker until SIGTERM or SIGINT')
  .option('--host <host>', 'where to listen (default: localhost)')
  .option('--port <port>', 'where to listen; 0 takes a free port (default: 9092)')
  .option('--data-dir <directory>', `where the log lies (default: ${defaultDataDirectory})`)
  .option('--memory', 'keep everything in memory')
  .option('--properties <file>', 'a Kafka server.properties')
  .option(
    '--set <key=value>',
    'one configuration key; may be repeated',
    (value, all: string[]) => [...all, value],
    [],
  )
  .option('--ready-file <path>', 'write the ready line to this file when the broker is ready')
  .addOption(
    new Option('--log-level <level>', 'least level that is logged')
      .choices(['debug', 'info', 'warn', 'error', 'silent'])
      .default('info'),
  )
  .action(async (options) => {
    const { serve } = await import('./serve.ts');
    process.exitCode = await serve(options);
  });

program
  .command('status')
  .description('show what the broker of a data directory is doing')
  .option('--data-dir <directory>', 'whose broker', defaultDataDirectory)
  .option('--json', 'print it as JSON')
  .action(async (options) => {
    const { status } = await import('./control-commands.ts');
    process.exitCode = await status(options);
  });

program
  .command('stop')
  .description('stop the broker of a data directory, and wait until it has stopped')
  .option('--data-dir <directory>', 'whose broker', defaultDataDirectory)
  .action(async (options) => {
    const { stop } = await import('./control-commands.ts');
    process.exitCode = await stop(options);
  });

await program.parseAsync();
