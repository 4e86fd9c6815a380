// How a folder goes that a start would take for whole: under a name that says it is not, which lasts before anything inside is removed. A crash
// at any moment leaves the folder as it was or a leftover, never half of it.
import type { Files } from '@munjigi/env';

/** Removes folders of `parent`; `mark` is put behind their names first. Throws EnvError. That they are gone lasts after the next sync of `parent`. */
export async function removeFolders(
  files: Files,
  parent: string,
  names: readonly string[],
  mark: '.tmp' | '.tmp-for-deletion',
): Promise<void> {
  if (names.length === 0) return;
  for (const name of names) {
    // What an earlier attempt left.
    files.removeTree(`${parent}/${name}${mark}`);
    files.rename(`${parent}/${name}`, `${parent}/${name}${mark}`);
  }
  await files.syncDir(parent);
  for (const name of names) files.removeTree(`${parent}/${name}${mark}`);
}
