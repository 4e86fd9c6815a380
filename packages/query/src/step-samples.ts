// From samples at the steps of fragments to samples at the steps of the query: what is fixed in time is consumed at every step and read at
// the first, what a subquery consumes counts in every window that sees it and is read by the first.
import type { Grid, Plan, PlanNode } from '@munjigi/promql';
import type { FragmentTally } from './fragment-io.ts';
import { addStepCounts, type StepCounts } from './sample-counts.ts';

/** Samples at each step of a plan whose fragments were counted. */
export function stepSamples(plan: Plan, counted: FragmentTally['counts']): StepCounts {
  const byFragment = new Map<number, StepCounts>();
  for (const { fragment, counts } of counted) {
    const known = byFragment.get(fragment.id);
    // Run again: the same samples are consumed again.
    if (known !== undefined && known.total.length === counts.total.length) addStepCounts(known, counts);
    else byFragment.set(fragment.id, counts);
  }
  return ofNode(plan.root, byFragment, plan.grid.steps);
}

function ofNode(n: PlanNode, of: ReadonlyMap<number, StepCounts>, steps: number): StepCounts {
  const sum: StepCounts = { total: new Float64Array(steps), read: new Float64Array(steps) };
  if (n.kind === 'fragment') {
    const counts = of.get(n.fragment.id);
    if (counts !== undefined) add(sum, counts);
    for (const arg of n.args ?? []) add(sum, ofNode(arg, of, steps));
    return sum;
  }
  if (n.kind === 'window') {
    const inner = ofNode(n.input, of, n.input.grid.steps);
    add(sum, inWindows(inner, n.input.grid, n.windows));
    for (const arg of n.args) add(sum, ofNode(arg, of, steps));
    return sum;
  }
  if (n.kind === 'subquery') {
    const { total, read } = ofNode(n.input, of, n.input.grid.steps);
    for (let i = 0; i < total.length; i++) {
      sum.total[0]! += total[i]!;
      sum.read[0]! += read[i]!;
    }
    return sum;
  }
  if (n.kind === 'repeat') {
    add(sum, ofNode(n.input, of, 1));
    return sum;
  }
  for (const child of childrenOf(n)) add(sum, ofNode(child, of, steps));
  return sum;
}

function childrenOf(n: PlanNode): PlanNode[] {
  const children: PlanNode[] = [];
  if ('input' in n) children.push(n.input);
  if ('left' in n) children.push(n.left, n.right);
  if (n.kind === 'call') children.push(...n.args);
  if (n.kind === 'aggregate' && n.param !== null) children.push(n.param);
  return children;
}

/** One step's counts stand for all: each consumes them, the first reads them. */
function add(sum: StepCounts, counts: StepCounts): void {
  if (counts.total.length === sum.total.length) return addStepCounts(sum, counts);
  for (let k = 0; k < sum.total.length; k++) sum.total[k]! += counts.total[0] ?? 0;
  sum.read[0]! += counts.read[0] ?? 0;
}

/** Counts at the steps of `grid`, by windows (end - range, end] over them. */
function inWindows(
  { total, read }: StepCounts,
  grid: Grid,
  windows: Grid & { readonly range_ms: number },
): StepCounts {
  const out: StepCounts = {
    total: new Float64Array(windows.steps),
    read: new Float64Array(windows.steps),
  };
  const timeOf = (i: number): number => grid.start_ms + i * grid.step_ms;
  let [from, to, held] = [0, 0, 0];
  for (let k = 0; k < windows.steps; k++) {
    const end = windows.start_ms + k * windows.step_ms;
    for (; to < total.length && timeOf(to) <= end; to++) {
      held += total[to]!;
      if (timeOf(to) > end - windows.range_ms) out.read[k]! += read[to]!;
    }
    for (; from < to && timeOf(from) <= end - windows.range_ms; from++) held -= total[from]!;
    out.total[k] = held;
  }
  return out;
}
