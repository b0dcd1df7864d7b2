/** The retail example with Apache Kafka Connect in it: a distributed worker, whose own topics are on Kompakt, feeds the articles. */
import { expect, test } from 'vitest';
import { skipUnless } from '../../skip.ts';
import { runNode } from '../../tools/program.ts';
import { hasCommand } from '../commands.ts';
import { hasJava } from '../java/apache-kafka.ts';

test('what Kafka Connect feeds is what the tills see, and the day adds up', async (context) => {
  skipUnless(context, hasJava() && hasCommand('javac') && hasCommand('mvn'), 'there is no JDK with Maven');
  const scale = ['--articles', '3000', '--tills', '8', '--customers', '200', '--receipts', '25'];
  const { code, out, err } = await runNode(['examples/retail/run.mjs', ...scale, '--feed', 'connect'], {
    NODE_NO_WARNINGS: '1',
  }).ended;
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/by Kafka Connect [\d.]+, FileStreamSource/);
  expect(out).toContain("all 3,000 articles equal to the generator's");
});
