#!/usr/bin/env node
/** The command `kompakt`. All that it does is loaded after what keeps the compiled code of it. */
import { reuseCompiledCode } from './compiled-code.ts';

reuseCompiledCode();
void import('./command-line.ts').then(({ runCommandLine }) => runCommandLine());
