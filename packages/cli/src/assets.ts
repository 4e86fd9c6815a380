// The console's built files, read once when they are first asked for.
import type { Asset } from '@munjigi/api';
import { EnvError, type Files } from '@munjigi/env';

const CONTENT_TYPE: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  png: 'image/png',
  ico: 'image/x-icon',
  json: 'application/json',
  woff2: 'font/woff2',
};

/** Largest set of files kept in memory, in bytes; the console is far smaller. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Files below `dir` by their path from it ('/index.html'); null for what is not there. Paths are looked up in a list, never joined. */
export function consoleAssets(files: Files, dir: string): (path: string) => Asset | null {
  let assets: Map<string, Asset> | null = null;
  return (path) => {
    assets ??= readAll(files, dir);
    return assets.get(path) ?? null;
  };
}

function readAll(files: Files, dir: string): Map<string, Asset> {
  const assets = new Map<string, Asset>();
  let total = 0;
  const walk = (below: string): void => {
    for (const { name, kind } of files.list(`${dir}${below}`)) {
      const path = `${below}/${name}`;
      if (kind === 'dir') walk(path);
      const contentType = CONTENT_TYPE[name.slice(name.lastIndexOf('.') + 1)];
      if (kind !== 'file' || contentType === undefined) continue;
      const bytes = files.readFile(`${dir}${path}`);
      total += bytes.length;
      if (total > MAX_BYTES)
        throw new Error(`the console's files are larger than ${MAX_BYTES} bytes: ${dir}`);
      // The bundler puts a hash of the content into names below assets/.
      assets.set(path, { bytes, contentType, immutable: below.startsWith('/assets') });
    }
  };
  try {
    walk('');
  } catch (error) {
    // Without the console's files the API still works; the page then says that it isn't built.
    if (!(error instanceof EnvError)) throw error;
  }
  return assets;
}
