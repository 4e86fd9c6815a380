// Labels made from labels, and the keys by which series are grouped and matched.
import {
  METRIC_NAME,
  EMPTY_LABELS,
  labelsFromSorted,
  compareText,
  labelValue,
  type Labels,
} from '@munjigi/model';

/** The labels that operations drop together with the name. */
const METADATA: ReadonlySet<string> = new Set([METRIC_NAME, '__type__', '__unit__']);

export function isMetadataLabel(name: string): boolean {
  return METADATA.has(name);
}

/** Without name, type and unit. */
export function withoutMetadata(labels: Labels): Labels {
  for (let i = 0; i < labels.length; i += 2)
    if (METADATA.has(labels[i]!)) return filter(labels, (n) => !METADATA.has(n));
  return labels;
}

export function keepLabels(labels: Labels, names: ReadonlySet<string>): Labels {
  return filter(labels, (n) => names.has(n));
}

export function deleteLabels(labels: Labels, names: ReadonlySet<string>): Labels {
  return filter(labels, (n) => !names.has(n));
}

function filter(labels: Labels, keep: (name: string) => boolean): Labels {
  const out: string[] = [];
  for (let i = 0; i < labels.length; i += 2) if (keep(labels[i]!)) out.push(labels[i]!, labels[i + 1]!);
  return out.length === 0 ? EMPTY_LABELS : labelsFromSorted(out);
}

/** With one label set; an empty value takes it away. */
export function setLabel(labels: Labels, name: string, value: string): Labels {
  const out: string[] = [];
  let done = value === '';
  for (let i = 0; i < labels.length; i += 2) {
    if (labels[i] === name) continue;
    if (!done && compareText(labels[i]!, name) > 0) {
      out.push(name, value);
      done = true;
    }
    out.push(labels[i]!, labels[i + 1]!);
  }
  if (!done) out.push(name, value);
  return labelsFromSorted(out);
}

/** A function that gives the key of a series' group: equal keys, same group. */
export function groupKey(names: readonly string[], without: boolean): (labels: Labels) => string {
  if (!without) {
    return (labels) => {
      let key = '';
      for (const name of names) {
        const value = labelValue(labels, name);
        key += `${value.length}:${value}`;
      }
      return key;
    };
  }
  const dropped = new Set([...METADATA, ...names]);
  return (labels) => {
    let key = '';
    for (let i = 0; i < labels.length; i += 2) {
      if (dropped.has(labels[i]!)) continue;
      key += `${labels[i]!.length}:${labels[i]!}${labels[i + 1]!.length}:${labels[i + 1]!}`;
    }
    return key;
  };
}

/** The labels a group shows. */
export function groupLabels(labels: Labels, names: readonly string[], without: boolean): Labels {
  if (!without) return names.length === 0 ? EMPTY_LABELS : keepLabels(labels, new Set(names));
  return deleteLabels(labels, new Set([...METADATA, ...names]));
}
