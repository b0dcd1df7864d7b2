/** `kompakt graduate` and `kompakt adopt`, as commander knows them; what they do is loaded when one is given. */
import { type Command, Option } from 'commander';
import { defaultDataDirectory } from './command-options.ts';

export function addMovingCommands(program: Command): void {
  program
    .command('graduate')
    .description('make a stopped data directory ready for Apache Kafka, and say how it goes on there')
    .addOption(new Option('--data-dir <directory>', `which (default: ${defaultDataDirectory})`))
    .option('--check', 'only look at every byte and say what there is to say')
    .option('--to <directory>', 'work on a copy there; segments that are full are hard links')
    .option('--stop', 'stop the broker that runs on it first')
    .option('--host <host>', 'where Apache Kafka is to listen (default: localhost)')
    .option('--port <port>', 'where Apache Kafka is to listen (default: 9092)')
    .option('--properties <file>', 'the server.properties that Kompakt was started with')
    .addOption(setOption('one configuration key that Kompakt was started with; may be repeated'))
    .addOption(
      new Option(
        '--join <host:port>',
        'where a broker that joins later is to listen; twice (default: this machine, at other ports)',
      ).argParser((value: string, all: string[] = []) => [...all, value]),
    )
    .action(async (options) => {
      const { graduate } = await import('./graduate-command.ts');
      process.exitCode = await graduate(options);
    });

  program
    .command('adopt')
    .description(
      'serve a data directory of Apache Kafka (KRaft, 3.9 to 4.4), after saying what is not carried over',
    )
    .argument('<directory>', 'one entry of log.dirs; nobody may be running on it')
    .option('--check', 'only look at every byte and say what there is to say')
    .option('--to <directory>', 'serve a copy there; segments that are full are hard links')
    .option('--cluster-id <id>', 'refuse the directory of another cluster')
    .option('--host <host>', 'where to listen (default: localhost)')
    .option('--port <port>', 'where to listen; 0 takes a free port (default: 9092)')
    .option('--http-host <host>', 'where HTTP listens (default: 127.0.0.1); beyond this machine with a token')
    .option('--http-port <port>', 'where HTTP listens; 0 takes a free port (default: 9080)')
    .option('--http-token-file <path>', 'a file with the token that every request over HTTP has to show')
    .option('--no-http', 'serve no HTTP')
    .option('--properties <file>', 'a Kafka server.properties')
    .option('--ignore-acls', 'serve it although it has ACLs or SCRAM users, which are not enforced')
    .addOption(setOption('one configuration key; may be repeated').default([]))
    .option('--ready-file <path>', 'a file that appears when the broker is ready, and goes with it')
    .addOption(
      new Option('--log-level <level>', 'least level that is logged')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .action(async (directory, options) => {
      const { adopt } = await import('./adopt-command.ts');
      process.exitCode = await adopt(directory, options);
    });
}

const setOption = (text: string) =>
  new Option('--set <key=value>', text).argParser((value: string, all: string[] = []) => [...all, value]);
