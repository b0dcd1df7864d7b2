import type { FileSystem } from './files.ts';

/** Looks whether a name of the directory is found in the other case too; makes one up if there is none to try. */
export function probeCase(files: FileSystem, directory: string): boolean {
  const names = new Set(files.listSync(directory));
  for (const name of names) {
    const other = otherCase(name);
    if (other === name || names.has(other)) continue;
    return files.statSync(files.join(directory, other)) !== null;
  }
  const probe = files.join(directory, '.kompakt-Case-Probe');
  files.openSync(probe, 'create').close();
  try {
    return files.statSync(files.join(directory, otherCase('.kompakt-Case-Probe'))) !== null;
  } finally {
    files.removeFileSync(probe);
  }
}

function otherCase(name: string): string {
  const upper = name.toUpperCase();
  return upper === name ? name.toLowerCase() : upper;
}
