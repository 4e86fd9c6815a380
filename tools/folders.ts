// Folders, for the repository's own commands.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What all files below take. */
export function folderBytes(dir: string): number {
  let sum = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    sum += entry.isDirectory() ? folderBytes(path) : statSync(path).size;
  }
  return sum;
}
