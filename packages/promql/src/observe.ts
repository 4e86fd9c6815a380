// What the nodes of a plan cost, for who looks on while it is executed.
import { histogramBytes, type Histogram } from './histogram/histogram.ts';
import type { PlanNode } from './plan-node.ts';
import type { Value } from './table.ts';

/** What a node gave. */
export interface NodeCost {
  /** Series; of a scalar or a string 1. */
  readonly rows: number;
  /** Bytes of its columns. */
  readonly bytes: number;
}

/** Called when a node begins; what it returns is called when the node has its value. Nodes begin and end like brackets. */
export type NodeObserver = (node: PlanNode) => (cost: NodeCost) => void;

export function costOf(v: Value): NodeCost {
  switch (v.type) {
    case 'table':
      return {
        rows: v.labels.length,
        bytes: v.values.byteLength + v.present.byteLength + bytesOf(v.histograms),
      };
    case 'scalar':
      return { rows: 1, bytes: v.values.byteLength };
    case 'string':
      return { rows: 1, bytes: 2 * v.value.length };
  }
}

function bytesOf(histograms: readonly (Histogram | null)[] | null): number {
  let bytes = 0;
  for (const h of histograms ?? []) if (h !== null) bytes += histogramBytes(h);
  return bytes;
}
