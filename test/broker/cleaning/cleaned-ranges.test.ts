import { expect, it } from 'vitest';
import { CleanedRanges } from '../../../broker/cleaning/cleaned-ranges.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { openCleaningWorld, write } from './cleaning-world.ts';

it('a log has every record from where the cleaner has been to on, and from where it may have been', async () => {
  const { world, cleaner, compactions, offsets, stop } = await openCleaningWorld();
  const partition = await world.topic('articles', 1, { 'cleanup.policy': 'compact' });
  write(world, partition, 'a=1', 'a=2', 'b=1');
  expect(cleaner.ranges.of(partition.log)).toBe(0);
  await world.clock.until(compactions.compact('articles', { includeActive: true }));
  expect(offsets.get('articles', 0)).toBe(3);
  expect(cleaner.ranges.of(partition.log)).toBe(3);
  write(world, partition, 'a=3', 'b=2');
  // A pass that only says what it would do takes nothing away.
  await world.clock.until(compactions.compact('articles', { includeActive: true, dryRun: true }));
  expect(cleaner.ranges.of(partition.log)).toBe(3);
  // One that breaks off while it replaces segments has taken something away, whatever the checkpoint says.
  cleaner.ranges.replacing(partition.log, 5);
  expect(cleaner.ranges.of(partition.log)).toBe(5);
  expect(offsets.get('articles', 0)).toBe(3);
  await stop();
});

it('after an unclean stop all that was sealed may have been cleaned, if the cleaner was at work just before', async () => {
  const clock = new VirtualClock();
  const files = new FaultyFileSystem({ clock });
  files.makeDirectorySync('/data');
  const { world, offsets, compactions, stop } = await openCleaningWorld({ clock, files });
  const rangeNow = () => new CleanedRanges(offsets).of(world.partitions.get('articles', 0)!.log);
  const partition = await world.topic('articles', 1, { 'cleanup.policy': 'compact' });
  write(world, partition, 'a=1', 'a=2');
  await partition.log.roll();
  write(world, partition, 'a=3', 'a=4', 'b=1');
  await clock.until(compactions.compact('articles'));
  await partition.log.roll();
  write(world, partition, 'c=1');
  expect(offsets.get('articles', 0)).toBe(2);
  // The sources of the pass are still there: another one could have ended just as the power went.
  await world.restart();
  expect(rangeNow()).toBe(5);
  await world.restart();
  expect(rangeNow()).toBe(2);
  await stop();
});
