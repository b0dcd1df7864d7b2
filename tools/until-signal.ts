/** Work of a command that a signal ends cleanly, and a second one at once. */

const signalNumbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;
type SignalName = keyof typeof signalNumbers;

/** What `work` says, or the exit code of the signal that ended it; `stop` is called at the first one. */
export async function untilSignal(
  work: (signal: AbortSignal) => Promise<number>,
  stop: () => void = () => {},
): Promise<number> {
  const abort = new AbortController();
  const names = Object.keys(signalNumbers) as SignalName[];
  const onSignal = (name: SignalName): void => {
    if (abort.signal.aborted) process.exit(128 + signalNumbers[name]);
    abort.abort(name);
    stop();
  };
  for (const name of names) process.on(name, onSignal);
  try {
    return await work(abort.signal);
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    return 128 + signalNumbers[abort.signal.reason as SignalName];
  } finally {
    for (const name of names) process.off(name, onSignal);
  }
}
