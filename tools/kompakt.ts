#!/usr/bin/env node
/** The command `kompakt`. All that it does is loaded after what keeps the compiled code of it. */
import * as nodeModule from 'node:module';

// From Node 22.1 on V8's work on the broker's bundle is kept for the next start, which is a sixth shorter for it.
(nodeModule as { enableCompileCache?: () => unknown }).enableCompileCache?.();

void import('./command-line.ts').then(({ runCommandLine }) => runCommandLine());
