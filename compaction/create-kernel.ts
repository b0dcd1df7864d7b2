import type { Kernel } from './kernel.ts';
import { JsKernel } from './kernel-js.ts';
import { WasmKernel } from './kernel-wasm.ts';

/**
 * The kernel for a pass: WebAssembly where the process has it and room for its addresses (8 GiB of them, of which it uses only
 * what it needs), else JavaScript; `kind` tells which. Both leave the same bytes.
 */
export function createKernel(): Kernel {
  try {
    return new WasmKernel();
  } catch {
    return new JsKernel();
  }
}
