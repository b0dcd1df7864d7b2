/** Something was asked for that cannot be: an option that nobody knows, that is out of range, or that contradicts another. */
export class OptionError extends Error {
  override readonly name = 'OptionError';
  /** The option at fault, as it is written: `dataDir`, `timeoutMs`, `http.port`. */
  readonly option: string;

  constructor(option: string, message: string) {
    super(message);
    this.option = option;
  }
}
