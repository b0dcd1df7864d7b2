/**
 * Where tests in other languages come in, by HTTP (broker/http/test-*-routes.ts): there before the broker that it opens on, for HTTP is
 * part of that; and over all its resets.
 */
import type { TestControl } from '../faults/test-control.ts';
import type { Broker } from './broker-interface.ts';

export class TestDoor {
  readonly control: TestControl;
  /** Rejects never: a start that fails closes HTTP. */
  readonly broker: Promise<Broker>;
  #open!: (broker: Broker) => void;

  constructor(control: TestControl) {
    this.control = control;
    this.broker = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(broker: Broker): void {
    this.#open(broker);
  }
}
