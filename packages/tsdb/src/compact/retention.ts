// Which blocks may go, as pure functions: too old, or over the size that the store may take. And per selector: which blocks hold series that
// are too old by a rule of their own.
import { encodeUtf8, type Matcher } from '@munjigi/model';
import type { BlockMeta } from '../block/meta.ts';
import { crc32c } from '../wal/crc32c.ts';

/** The first rule that matches a series decides; series that none matches have the policy's retention. */
export interface RetentionRule {
  readonly matchers: readonly Matcher[];
  /** 0: for ever. */
  readonly retention_ms: number;
}

export interface RetentionPolicy {
  /** 0: for ever. */
  readonly retention_ms: number;
  readonly rules: readonly RetentionRule[];
}

export interface SizeLimits {
  /** 0: none. */
  readonly bytes: number;
  /** Of the disk's size, 0 to 100; 0: none. Where it can be said it counts, and `bytes` does not. */
  readonly percentage: number;
  /** Size of the file system; 0: unknown. */
  readonly diskBytes: number;
  /** What the log, the out-of-order log and the head's chunks take: it counts first. */
  readonly headBytes: number;
}

export interface StoredBlock {
  readonly meta: BlockMeta;
  readonly sizeBytes: number;
}

/**
 * Blocks that are older than the longest retention, and the oldest ones that do not fit into the size, by ulid. Every block must be in the
 * list: age counts from the newest block's end, as in Prometheus.
 */
export function blocksBeyondRetention(
  blocks: readonly StoredBlock[],
  policy: RetentionPolicy,
  limits: SizeLimits,
): Map<string, 'time' | 'size'> {
  const reasons = new Map<string, 'time' | 'size'>();
  const newestFirst = blocks.toSorted((a, b) => b.meta.maxTime - a.meta.maxTime);
  const newest_ms = newestFirst[0]?.meta.maxTime ?? 0;
  const longest = longestRetention(policy);
  newestFirst.forEach(({ meta }, i) => {
    if (i > 0 && longest > 0 && newest_ms - meta.maxTime >= longest) reasons.set(meta.ulid, 'time');
  });
  const limit = sizeLimit(limits);
  if (limit <= 0) return reasons;
  let bytes = limits.headBytes;
  for (const { meta, sizeBytes } of newestFirst) {
    bytes += sizeBytes;
    if (bytes > limit && !reasons.has(meta.ulid)) reasons.set(meta.ulid, 'size');
  }
  return reasons;
}

function sizeLimit(o: SizeLimits): number {
  return o.percentage > 0 && o.diskBytes > 0 ? Math.floor((o.diskBytes * o.percentage) / 100) : o.bytes;
}

/** How long the most patient rule keeps a block, ms; 0: for ever. */
export function longestRetention(policy: RetentionPolicy): number {
  const all = [policy.retention_ms, ...policy.rules.map((rule) => rule.retention_ms)];
  return all.includes(0) ? 0 : Math.max(...all);
}

/** What a block's meta remembers of rules: which were applied to it (`policyKey`), and the age (ms) of the oldest step that it has passed. */
export interface AppliedRetention {
  readonly policy: string;
  readonly step_ms: number;
}

/** A short name of a policy: equal policies have equal keys. */
export function policyKey(policy: RetentionPolicy): string {
  const { retention_ms, rules } = policy;
  const plain = rules.map((r) => [r.retention_ms, ...r.matchers.map((m) => [m.name, m.op, m.value])]);
  const text = JSON.stringify([retention_ms, plain]);
  const b = new Uint8Array(3 * text.length);
  const n = encodeUtf8(text, b, 0);
  return `${crc32c(b, 0, n).toString(16).padStart(8, '0')}-${n}`;
}

/** The longest of the policy's retentions that the whole block has passed, ms; 0: none. */
export function retentionStep(meta: BlockMeta, newest_ms: number, policy: RetentionPolicy): number {
  const age = newest_ms - meta.maxTime;
  let step = 0;
  for (const { retention_ms } of [policy, ...policy.rules])
    if (retention_ms <= age) step = Math.max(step, retention_ms);
  return step;
}

/**
 * Whether the block may hold series that a rule lets go: once for each of the policy's retentions that it outlives, and once more when the
 * policy has changed.
 */
export function needsFilter(
  meta: BlockMeta,
  applied: AppliedRetention | null,
  newest_ms: number,
  policy: RetentionPolicy,
): boolean {
  const step = retentionStep(meta, newest_ms, policy);
  if (step === 0 || policy.rules.length === 0) return false;
  return applied === null || applied.policy !== policyKey(policy) || applied.step_ms < step;
}
