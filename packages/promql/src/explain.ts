// A plan as people read it: a tree of what is done, where in the query it stands, at which times and on what.
import { labelPairs, printDuration, printRfc3339, formatNumber } from '@munjigi/model';
import type { Matching } from './ast.ts';
import { fragmentRange, type Fragment, type Grid } from './fragment.ts';
import type { Plan } from './plan.ts';
import type { AggregateNode, BinaryNode, FragmentNode, PlanNode, WindowNode } from './plan-node.ts';
import { printMatcher, printSelector } from './print.ts';

export interface Explained {
  readonly node: PlanNode;
  /** What is done, in one line. */
  readonly what: string;
  /** How, by name: the selector, the windows, the times read, the join. */
  readonly details: readonly Detail[];
  readonly inputs: readonly { readonly as: string; readonly of: Explained }[];
}

export type Detail = readonly [name: string, text: string];

/** The plan's tree, its root first. */
export function explainPlan(p: Plan): Explained {
  return new Explainer(p).node(p.root, null);
}

/** Lines of text; `more` may add details to a node. */
export function printExplained(
  root: Explained,
  more: (e: Explained) => readonly Detail[] = () => [],
): string[] {
  const lines: string[] = [];
  const print = (e: Explained, as: string, head: string, below: string): void => {
    const place = e.node.place === '' ? '' : `  [${e.node.place}]`;
    lines.push(`${head}${as === '' ? '' : `${as}: `}${e.what}${place}`);
    const details = [...e.details, ...more(e)];
    const width = Math.max(0, ...details.map(([name]) => name.length));
    const bar = e.inputs.length > 0 ? '│' : ' ';
    for (const [name, text] of details) lines.push(`${below}${bar}   ${name.padEnd(width)}  ${text}`);
    e.inputs.forEach(({ as, of }, i) => {
      const last = i === e.inputs.length - 1;
      print(of, as, `${below}${last ? '└─ ' : '├─ '}`, `${below}${last ? '   ' : '│  '}`);
    });
  };
  print(root, '', '', '');
  return lines;
}

class Explainer {
  readonly #plan: Plan;
  readonly #seen = new Set<number>();

  constructor(p: Plan) {
    this.#plan = p;
  }

  /** `above`: the times of the node above; what has the same does not repeat them. */
  node(n: PlanNode, above: Grid | null): Explained {
    const inputs = (list: readonly (readonly [as: string, of: PlanNode])[]): Explained['inputs'] =>
      list.map(([as, of]) => ({ as, of: this.node(of, n.grid) }));
    const times: Detail[] = sameTimes(n.grid, above) || isConstant(n) ? [] : [['at', gridText(n.grid)]];
    switch (n.kind) {
      case 'number':
        return { node: n, what: formatNumber(n.value), details: [], inputs: [] };
      case 'string':
        return { node: n, what: JSON.stringify(n.value), details: [], inputs: [] };
      case 'fragment':
        return this.#fragment(n, times, inputs(argumentsOf(n.args ?? [])));
      case 'window':
        return this.#window(n, times, inputs([['over', n.input], ...argumentsOf(n.args)]));
      case 'subquery':
        return { node: n, what: 'samples of a subquery', details: times, inputs: inputs([['of', n.input]]) };
      case 'repeat':
        return {
          node: n,
          what: 'the same at all times: computed once',
          details: times,
          // At which of the times says nothing.
          inputs: [{ as: 'of', of: this.node(n.input, n.input.grid) }],
        };
      case 'absent': {
        const labels = [...labelPairs(n.labels)].map(([name, value]) => `${name}=${JSON.stringify(value)}`);
        const what = `1 where there is nothing: {${labels.join(', ')}}`;
        return { node: n, what, details: times, inputs: inputs([['of', n.input]]) };
      }
      case 'info': {
        const which = n.matchers === null ? 'target_info' : `{${n.matchers.map(printMatcher).join(', ')}}`;
        return {
          node: n,
          what: 'info()',
          details: [
            ...times,
            ['adds', `labels of ${which}, of the same instance and job, read once these are known`],
          ],
          inputs: inputs([['to', n.input]]),
        };
      }
      case 'fail':
        return { node: n, what: `fails: ${n.message}`, details: times, inputs: [] };
      case 'call':
        return { node: n, what: `${n.func}()`, details: times, inputs: inputs(argumentsOf(n.args)) };
      case 'aggregate': {
        const param: [string, PlanNode][] = n.param === null ? [] : [['parameter', n.param]];
        return {
          node: n,
          what: `${n.op}${grouping(n)}`,
          details: times,
          inputs: inputs([...param, ['of', n.input]]),
        };
      }
      case 'binary':
        return {
          node: n,
          what: `${n.op}${n.bool ? ' bool' : ''}`,
          details: [...times, ['join', joinText(n)]],
          inputs: inputs([
            ['left', n.left],
            ['right', n.right],
          ]),
        };
      case 'negate':
        return { node: n, what: 'negated', details: times, inputs: inputs([['of', n.input]]) };
      case 'nothing':
        return { node: n, what: 'nothing', details: times, inputs: [] };
      case 'plus':
        return this.node(n.input, above);
    }
  }

  #fragment(n: FragmentNode, times: readonly Detail[], inputs: Explained['inputs']): Explained {
    const f = n.fragment;
    const { mint, maxt } = fragmentRange(f);
    const function_ = `${functionText(f)}${f.args.length > 0 ? ` (${f.args.map(argText).join(', ')})` : ''}`;
    const what =
      f.aggregate === null ? function_ : `${f.aggregate.op}${grouping(f.aggregate)} of each ${function_}`;
    const details: Detail[] = [
      ...times,
      ['selector', printSelector(f.matchers)],
      ['windows', windowsText(f.grid, f.range_ms, n.grid)],
      ['reads', `${printRfc3339(mint)} to ${printRfc3339(maxt)}`],
    ];
    if (f.extended !== undefined)
      details.push([
        f.extended.kind,
        `samples outside the window are seen as far as ${printDuration(f.extended.lookback_ms)}`,
      ]);
    if (f.statsOnly === true) details.push(['decodes', 'of native histograms only count, sum and resets']);
    if (f.startTimestamps === true) details.push(['resets', 'told by start timestamps too']);
    if (n.dropsName) details.push(['name', this.#dropText()]);
    if (this.#seen.has(f.id)) details.push(['shared', 'read once for all places where it stands']);
    this.#seen.add(f.id);
    return { node: n, what, details, inputs };
  }

  #window(n: WindowNode, times: readonly Detail[], inputs: Explained['inputs']): Explained {
    const details: Detail[] = [...times, ['windows', windowsText(n.windows, n.windows.range_ms, n.grid)]];
    if (n.dropsName) details.push(['name', this.#dropText()]);
    return { node: n, what: `${n.func} of the last ${printDuration(n.windows.range_ms)}`, details, inputs };
  }

  #dropText(): string {
    return this.#plan.delayedNameRemoval ? 'dropped at the end' : 'dropped';
  }
}

function isConstant(n: PlanNode): boolean {
  return n.kind === 'number' || n.kind === 'string';
}

function argumentsOf(args: readonly PlanNode[]): [as: string, of: PlanNode][] {
  return args.map((arg, i) => [args.length === 1 ? 'argument' : `argument ${i + 1}`, arg]);
}

function functionText(f: Fragment): string {
  const range = printDuration(f.range_ms);
  if (f.func === 'last') return `newest sample of the last ${range}`;
  if (f.func === 'timestamp') return `time of the newest sample of the last ${range}`;
  if (f.func === 'matrix') return `samples of the last ${range}`;
  return `${f.func} of the last ${range}`;
}

function argText(values: Float64Array): string {
  const first = formatNumber(values[0] ?? NaN);
  return values.length === 1 ? first : `${first}, ... another one at each time`;
}

/** `by (a, b)`; nothing where all are one group. */
function grouping({ without, labels }: Pick<AggregateNode, 'without' | 'labels'>): string {
  if (without) return ` without (${labels.join(', ')})`;
  return labels.length === 0 ? '' : ` by (${labels.join(', ')})`;
}

/** `t` is an evaluation time where windows end at those. */
function windowsText(grid: Grid, range_ms: number, times: Grid): string {
  const range = printDuration(range_ms);
  if (grid.steps !== 1 && sameTimes(grid, times)) return `(t - ${range}, t]`;
  if (grid.steps !== 1) return `(t - ${range}, t] with t at ${gridText(grid)}`;
  return `(${printRfc3339(grid.start_ms - range_ms)}, ${printRfc3339(grid.start_ms)}]`;
}

function gridText({ start_ms, step_ms, steps }: Grid): string {
  if (steps === 0) return 'no time at all';
  if (steps === 1 || step_ms === 0) return printRfc3339(start_ms);
  const last = start_ms + (steps - 1) * step_ms;
  return `${steps} times, every ${printDuration(step_ms)} from ${printRfc3339(start_ms)} to ${printRfc3339(last)}`;
}

function sameTimes(a: Grid, b: Grid | null): boolean {
  return (
    b !== null &&
    a.start_ms === b.start_ms &&
    a.steps === b.steps &&
    (a.steps === 1 || a.step_ms === b.step_ms)
  );
}

function joinText({ op, left, right, matching }: BinaryNode): string {
  if (matching === null)
    return isConstant(left) || isConstant(right) ? 'each value with a number' : 'each value with a scalar';
  const set = op === 'and' || op === 'or' || op === 'unless';
  const labels = matching.labels.join(', ');
  const match = matching.on ? `on (${labels})` : labels === '' ? 'on all labels' : `ignoring (${labels})`;
  return [set ? 'set of series' : matching.card, match, ...includedText(matching)].join(', ');
}

function includedText({ include, fillLeft, fillRight }: Matching): string[] {
  const parts: string[] = [];
  if (include.length > 0) parts.push(`labels (${include.join(', ')}) of the one`);
  if (fillLeft !== null) parts.push(`left filled with ${formatNumber(fillLeft)}`);
  if (fillRight !== null) parts.push(`right filled with ${formatNumber(fillRight)}`);
  return parts;
}
