// What discovery finds: groups of labelled endpoints. Who uses them (scraping, routing, alert delivery) is not known here.
import { list, mapOf, object, refine, string, withDefault, type Decoder } from '@munjigi/document';
import { isLabelName, labelsFrom, labelsFromObject, type Labels } from '@munjigi/model';

/** Label of a target: `host:port`, or another address that the user of the group understands. */
export const ADDRESS = '__address__';

export interface TargetGroup {
  /** Where the group comes from; unique within one discovery. */
  readonly source: string;
  /** One label set a target, with `__address__`. */
  readonly targets: readonly Labels[];
  /** Labels of all targets of the group; a target's own labels win. */
  readonly labels: Labels;
}

/** One entry of `static_configs`, and of a file of file_sd. */
export interface StaticConfig {
  readonly targets: readonly string[];
  readonly labels: Labels;
}

export const staticConfig: Decoder<StaticConfig> = object({
  targets: withDefault(list(string({ nonEmpty: true })), []),
  labels: withDefault(labelSet('utf8'), labelsFromObject({})),
});

/** A mapping of label names to values. */
export function labelSet(scheme: 'utf8' | 'legacy'): Decoder<Labels> {
  const name = (text: string): string | null =>
    isLabelName(text, scheme) ? null : `${JSON.stringify(text)} is not a valid label name`;
  const value: Decoder<string> = refine(string(), (text, report) =>
    text.isWellFormed() ? text : report('is not valid Unicode'),
  );
  return refine(mapOf(value, name), (map) => labelsFrom(map));
}

export function groupOf(
  source: string,
  config: StaticConfig,
  more: Labels = labelsFromObject({}),
): TargetGroup {
  return {
    source,
    targets: config.targets.map((address) => labelsFromObject({ [ADDRESS]: address })),
    labels: more.length === 0 ? config.labels : mergeLabels(config.labels, more),
  };
}

/** All labels of both; where a name is in both, `winner`'s. */
export function mergeLabels(labels: Labels, winner: Labels): Labels {
  return labelsFrom([...pairs(labels), ...pairs(winner)]);
}

function pairs(flat: Labels): [string, string][] {
  const out: [string, string][] = [];
  for (let i = 0; i < flat.length; i += 2) out.push([flat[i]!, flat[i + 1]!]);
  return out;
}
