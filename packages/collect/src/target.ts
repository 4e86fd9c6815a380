// From a discovered target to what is scraped: discovered labels, relabelling, the address, the labels of its series.
import { ADDRESS, mergeLabels, type TargetGroup } from '@munjigi/discovery';
import {
  labelsFrom,
  labelValue,
  labelsFromObject,
  parseDuration,
  printDuration,
  type Labels,
  type Relabeler,
} from '@munjigi/model';
import type { ScrapeConfig } from './configuration/scrape.ts';

/** A target that is to be scraped. Times in ms. */
export interface TargetSpec {
  /** Equal for targets that are the same: all labels after relabelling, and the URL. */
  readonly key: string;
  readonly discoveredLabels: Labels;
  /** Labels of its series: those that do not begin with `__`. */
  readonly labels: Labels;
  readonly url: string;
  readonly interval_ms: number;
  readonly timeout_ms: number;
}

/** What became of a discovered target. */
export type Judged =
  | { readonly kind: 'target'; readonly target: TargetSpec }
  | { readonly kind: 'dropped'; readonly discoveredLabels: Labels }
  | { readonly kind: 'bad'; readonly reason: string };

/** Judges one target of a group. */
export function judgeTarget(group: TargetGroup, own: Labels, job: ScrapeConfig, relabel: Relabeler): Judged {
  const discoveredLabels = discovered(group, own, job);
  const relabelled = relabel(discoveredLabels);
  if (relabelled === null) return { kind: 'dropped', discoveredLabels };
  const bad = (reason: string): Judged => ({ kind: 'bad', reason: `${group.source}: ${reason}` });
  const address = labelValue(relabelled, ADDRESS);
  if (address === '') return bad('the target has no address');
  if (address.includes('/'))
    return bad(`${JSON.stringify(address)} is not a valid hostname: a target is host:port`);
  const interval = duration(relabelled, '__scrape_interval__');
  const timeout = duration(relabelled, '__scrape_timeout__');
  if (interval === null || timeout === null)
    return bad('the scrape interval and timeout must be durations above 0');
  if (timeout > interval) return bad('the scrape timeout is greater than the scrape interval');
  const all = labelsFrom(withInstance(relabelled, address));
  const url = urlOf(all, job);
  if (!URL.canParse(url)) return bad(`${url} is not a URL`);
  const labels = publicLabels(all);
  return {
    kind: 'target',
    target: {
      key: `${all.join('\u0000')}\u0000${url}`,
      discoveredLabels,
      labels,
      url,
      interval_ms: interval,
      timeout_ms: timeout,
    },
  };
}

/** Labels as discovery and the job's defaults give them, before relabelling. */
function discovered(group: TargetGroup, own: Labels, job: ScrapeConfig): Labels {
  const defaults: Record<string, string> = {
    job: job.job_name,
    __scrape_interval__: printDuration(job.scrape_interval),
    __scrape_timeout__: printDuration(job.scrape_timeout),
    __metrics_path__: job.metrics_path,
    __scheme__: job.scheme,
  };
  for (const [name, values] of job.params) if (values.length > 0) defaults[`__param_${name}`] = values[0]!;
  return mergeLabels(mergeLabels(labelsFromObject(defaults), group.labels), own);
}

/** Without `__meta_` labels; `instance` is the address where nothing else is said. */
function withInstance(labels: Labels, address: string): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < labels.length; i += 2) {
    if (!labels[i]!.startsWith('__meta_')) pairs.push([labels[i]!, labels[i + 1]!]);
  }
  if (labelValue(labels, 'instance') === '') pairs.push(['instance', address]);
  return pairs;
}

function publicLabels(labels: Labels): Labels {
  const pairs: [string, string][] = [];
  for (let i = 0; i < labels.length; i += 2)
    if (!labels[i]!.startsWith('__')) pairs.push([labels[i]!, labels[i + 1]!]);
  return labelsFrom(pairs);
}

function urlOf(labels: Labels, job: ScrapeConfig): string {
  const params = new Map<string, string[]>();
  for (const [name, values] of job.params) params.set(name, [...values]);
  for (let i = 0; i < labels.length; i += 2) {
    if (!labels[i]!.startsWith('__param_')) continue;
    const name = labels[i]!.slice('__param_'.length);
    const values = params.get(name) ?? [];
    values[0] = labels[i + 1]!;
    params.set(name, values);
  }
  const query = new URLSearchParams();
  for (const name of [...params.keys()].sort())
    for (const value of params.get(name)!) query.append(name, value);
  const path = labelValue(labels, '__metrics_path__');
  const rooted = path === '' || path.startsWith('/') ? path : `/${path}`;
  const escaped = encodeURI(rooted).replaceAll('?', '%3F').replaceAll('#', '%23');
  const search = query.toString();
  return `${labelValue(labels, '__scheme__')}://${labelValue(labels, ADDRESS)}${escaped}${search === '' ? '' : `?${search}`}`;
}

function duration(labels: Labels, name: string): number | null {
  const parsed = parseDuration(labelValue(labels, name));
  return 'ms' in parsed && parsed.ms > 0 ? parsed.ms : null;
}

/** Labels of a scraped series together with its target's. */
export function mergeTarget(series: Labels, target: Labels, honorLabels: boolean): Labels {
  const pairs = new Map<string, string>();
  for (let i = 0; i < series.length; i += 2) pairs.set(series[i]!, series[i + 1]!);
  const moved: [string, string][] = [];
  for (let i = 0; i < target.length; i += 2) {
    const name = target[i]!;
    const exposed = pairs.get(name);
    if (exposed !== undefined) {
      if (honorLabels) continue;
      moved.push([name, exposed]);
    }
    pairs.set(name, target[i + 1]!);
  }
  // The shortest name first: what `exported_a` was must not take the place of what `a` becomes.
  moved.sort((a, b) => a[0].length - b[0].length);
  for (const [name, value] of moved) {
    let free = `exported_${name}`;
    while (pairs.has(free)) free = `exported_${free}`;
    pairs.set(free, value);
  }
  return labelsFrom(pairs);
}
