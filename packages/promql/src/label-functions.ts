// label_replace and label_join.
import { compileReplacer, labelValue } from '@munjigi/model';
import { setLabel } from './label-edit.ts';
import { executionError } from './query-error.ts';
import type { Table } from './table.ts';

/** label_replace(v, dst, replacement, src, regex). Throws RegExpError for a bad expression. */
export function labelReplace(t: Table, texts: readonly string[]): Table {
  const [dst, replacement, src, regex] = texts as [string, string, string, string];
  checkName(dst, 'destination', 'label_replace');
  const replace = compileReplacer(regex, replacement);
  const labels = [...t.labels];
  const drops = t.drops.slice();
  for (let row = 0; row < labels.length; row++) {
    const text = replace(labelValue(labels[row]!, src));
    if (text === null) continue;
    labels[row] = setLabel(labels[row]!, dst, text);
    if (dst === '__name__') drops[row] = 0;
  }
  return { ...t, labels, drops };
}

/** label_join(v, dst, separator, src...). */
export function labelJoin(t: Table, texts: readonly string[]): Table {
  const [dst, separator, ...sources] = texts as [string, string, ...string[]];
  for (const src of sources) checkName(src, 'source', 'label_join');
  checkName(dst, 'destination', 'label_join');
  const drops = t.drops.slice();
  if (dst === '__name__') drops.fill(0);
  const labels = t.labels.map((l) =>
    setLabel(l, dst, sources.map((src) => labelValue(l, src)).join(separator)),
  );
  return { ...t, labels, drops };
}

/** Label names are any UTF-8. */
export function isLabelName(name: string): boolean {
  return name !== '' && !LONE.test(name);
}

const LONE = /\p{Surrogate}/u;

function checkName(name: string, what: string, func: string): void {
  if (!isLabelName(name)) throw executionError(`invalid ${what} label name in ${func}(): ${name}`);
}
