// A store that has nothing but blocks.
import type { BlockRef, Queryable, Selection } from '@munjigi/model';

export function storeOfBlocks(blocks: readonly BlockRef[]): Queryable {
  const empty: Selection = {
    count: 0,
    symbols: { count: 0, index: [], data: [] },
    labelFirst: new Uint32Array(1),
    labelSymbols: new Uint32Array(0),
    first: new Uint32Array(1),
    chunks: {
      arena: new Uint16Array(0),
      source: new Uint16Array(0),
      offset: new Float64Array(0),
      bytes: new Uint32Array(0),
      samples: new Uint32Array(0),
      mint: new Float64Array(0),
      maxt: new Float64Array(0),
      encoding: new Uint8Array(0),
    },
    arenas: [],
    deleted: null,
    warnings: [],
    blocks,
  };
  return {
    querier: () => ({
      select: async () => empty,
      labelNames: async () => ({ names: [], warnings: [], blocks }),
      labelValues: async () => ({ values: [], warnings: [], blocks }),
      exemplars: async () => [],
      metadata: async () => [],
      close: () => undefined,
    }),
  };
}
