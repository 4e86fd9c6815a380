// Finds and reads munjigi.yaml, and the quickstart's.
import { EnvError, type Env } from '@munjigi/env';
import { workingDirectory } from '@munjigi/env/node';
import { parseMunjigiConfig, type ReadConfig } from './config.ts';

const QUICKSTART = new URL('../../../examples/quickstart/', import.meta.url);
export const QUICKSTART_CONFIG: string = new URL('munjigi.yaml', QUICKSTART).pathname;
export const QUICKSTART_SERVICES: URL = new URL('services.ts', QUICKSTART);
export const CONSOLE_DIR: string = new URL('./dist', import.meta.resolve('@munjigi/ui/package.json'))
  .pathname;

/** `dataDir` replaces the folder that the configuration names for data; both may be relative to the working directory. */
export function readMunjigiConfig(env: Env, file: string, dataDir: string | null): ReadConfig {
  const given = absolute(file);
  const path = isFolder(env, given) ? `${given.replace(/\/$/, '')}/munjigi.yaml` : given;
  let text: string;
  try {
    text = new TextDecoder().decode(env.files.readFile(path));
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    const message = error.code === 'ENOENT' ? 'there is no such file' : `cannot be read: ${error.message}`;
    return {
      config: null,
      logLevel: 'info',
      problems: [{ severity: 'error', file, line: 0, column: 0, field: '', message }],
    };
  }
  return parseMunjigiConfig(
    file,
    text,
    path.slice(0, path.lastIndexOf('/')),
    dataDir === null ? null : absolute(dataDir),
  );
}

function isFolder(env: Env, path: string): boolean {
  try {
    return env.files.stat(path)?.kind === 'dir';
  } catch {
    return false;
  }
}

function absolute(path: string): string {
  return path.startsWith('/') ? path : `${workingDirectory()}/${path.replace(/^\.\//, '')}`;
}
