import { simWorld } from '@munjigi/env/sim';
import { expect, test } from 'vitest';
import { ulidOf } from '../testing/metas.ts';
import { plainSamples, readModelBlock } from '../testing/model-blocks.ts';
import { floats, modelSelection, type DeletedPiece, type ModelPiece } from '../testing/model-selection.ts';
import { cutHead, cutOutOfOrder } from './cut.ts';
import { snapshotBlocks } from './snapshot-blocks.ts';

type Piece = readonly [
  where: ModelPiece['where'],
  source: number,
  ...samples: (readonly [t: number, v: number])[],
];

function pieces(rows: Readonly<Record<string, readonly Piece[]>>): Map<string, ModelPiece[]> {
  return new Map(
    Object.entries(rows).map(([name, list]) => [
      name,
      list.map(([where, source, ...s]) => ({
        where,
        source,
        samples: floats(
          s.map(([t]) => t),
          s.map(([, v]) => v),
        ),
      })),
    ]),
  );
}

// What the head has; what is deleted; what the block [10, 20) holds (null: there is none).
const CUTS: readonly (readonly [
  name: string,
  series: Readonly<Record<string, readonly Piece[]>>,
  deleted: Readonly<Record<string, readonly DeletedPiece[]>>,
  block: Readonly<Record<string, readonly (readonly [number, number])[]>> | null,
])[] = [
  ['nothing', {}, {}, null],
  ['nothing in the range', { 'a=b': [['memory', 60_000, [9, 1], [20, 2]]] }, {}, null],
  [
    'chunks in files and in memory',
    {
      'a=b': [
        ['file', 60_000, [10, 1], [12, 2]],
        ['memory', 60_000, [13, 3], [19, 4]],
      ],
      'a=c': [['memory', 60_000, [15, 5]]],
    },
    {},
    {
      'a=b': [
        [10, 1],
        [12, 2],
        [13, 3],
        [19, 4],
      ],
      'a=c': [[15, 5]],
    },
  ],
  [
    'chunks that stick out',
    {
      'a=b': [
        ['file', 60_000, [8, 1], [12, 2]],
        ['memory', 60_000, [13, 3], [20, 4]],
      ],
    },
    {},
    {
      'a=b': [
        [12, 2],
        [13, 3],
      ],
    },
  ],
  [
    'labels in any order of symbols',
    {
      'a=z,b=y': [['memory', 60_000, [11, 1]]],
      'a=b': [['memory', 60_000, [11, 2]]],
      'b=a': [['memory', 60_000, [11, 3]]],
    },
    {},
    { 'a=b': [[11, 2]], 'a=z,b=y': [[11, 1]], 'b=a': [[11, 3]] },
  ],
  [
    'deleted ranges',
    { 'a=b': [['file', 60_000, [10, 1], [11, 2], [12, 3]]], 'a=c': [['file', 60_000, [10, 1], [11, 2]]] },
    { 'a=b': [[11, 11, 60_000]], 'a=c': [[0, 99, 60_000]] },
    {
      'a=b': [
        [10, 1],
        [12, 3],
      ],
    },
  ],
  [
    'deletions of another source do not count',
    { 'a=b': [['file', 60_000, [10, 1], [11, 2]]] },
    { 'a=b': [[0, 99, 60_001]] },
    {
      'a=b': [
        [10, 1],
        [11, 2],
      ],
    },
  ],
  [
    'out of order over in order',
    {
      'a=b': [
        ['file', 60_000, [10, 1], [11, 2]],
        ['plain', 60_001, [11, 9], [10, 8], [15, 7]],
      ],
    },
    {},
    {
      'a=b': [
        [10, 8],
        [11, 9],
        [15, 7],
      ],
    },
  ],
];

test.each(CUTS)('cut: %s', async (_, series, deleted, block) => {
  const world = simWorld(1);
  const { files } = world.env;
  files.makeDir('/d');
  const selection = modelSelection(files, '/d/000001', pieces(series), new Map(Object.entries(deleted)));
  const ulid = ulidOf(1);
  await world.run(async () => {
    const o = { selection, mint: 10, maxt: 20, dir: '/d', ulid, outOfOrder: false, xor2: false };
    const meta = await cutHead(files, o);
    if (block === null) {
      expect(meta).toBe(null);
      expect(files.list('/d').filter((e) => e.kind === 'dir')).toEqual([]);
      return;
    }
    expect(plainSamples(await readModelBlock(files, `/d/${ulid}`))).toEqual(block);
    expect(meta).toMatchObject({ ulid, minTime: 10, maxTime: 20, compaction: { level: 1, sources: [ulid] } });
    expect(meta!.compaction.hints).toBe(undefined);
  });
});

test('out-of-order samples become one block for each range that has some', async () => {
  const world = simWorld(1);
  const { files } = world.env;
  files.makeDir('/d');
  const selection = modelSelection(
    files,
    '/d/000001',
    pieces({
      'a=b': [
        ['plain', 60_001, [31, 1], [-1, 2], [9, 3]],
        ['file', 60_001, [0, 4], [30, 5]],
      ],
      'a=c': [['plain', 60_001, [5, 6]]],
    }),
  );
  let next = 0;
  await world.run(async () => {
    const o = { selection, dir: '/d', newUlid: () => ulidOf(++next), range_ms: 10, xor2: false };
    const metas = await cutOutOfOrder(files, o);
    expect(metas.map((m) => [m.minTime, m.maxTime, m.compaction.hints])).toEqual(
      [-10, 0, 30].map((mint) => [mint, mint + 10, ['from-out-of-order']]),
    );
    const found = [];
    for (const { ulid } of metas) found.push(plainSamples(await readModelBlock(files, `/d/${ulid}`)));
    expect(found).toEqual([
      { 'a=b': [[-1, 2]] },
      {
        'a=b': [
          [0, 4],
          [9, 3],
        ],
        'a=c': [[5, 6]],
      },
      {
        'a=b': [
          [30, 5],
          [31, 1],
        ],
      },
    ]);
  });
});

test('ranges without samples cost nothing, be they many', async () => {
  const world = simWorld(1);
  const { files } = world.env;
  files.makeDir('/d');
  const far = 2 ** 52 - 10;
  const selection = modelSelection(
    files,
    '/d/000001',
    pieces({ 'a=b': [['plain', 60_001, [far, 1], [-far, 2]]] }),
  );
  let next = 0;
  await world.run(async () => {
    const o = { selection, dir: '/d', newUlid: () => ulidOf(++next), range_ms: 10, xor2: false };
    const metas = await cutOutOfOrder(files, o);
    expect(metas.map((m) => m.stats.numSamples)).toEqual([1, 1]);
  });
});

test('a damaged head chunk is named, and nothing is left', async () => {
  const world = simWorld(1);
  const { files } = world.env;
  files.makeDir('/d');
  const selection = modelSelection(
    files,
    '/d/000001',
    pieces({ 'a=b': [['file', 60_000, [11, 1], [12, 2]]] }),
  );
  const file = files.open('/d/000001', 'rw');
  file.write(Uint8Array.of(0x55), 0, 1, 40);
  file.close();
  await world.run(async () => {
    const o = { selection, mint: 10, maxt: 20, dir: '/d', ulid: ulidOf(1), outOfOrder: false, xor2: false };
    await expect(cutHead(files, o)).rejects.toMatchObject({
      code: 'EFORMAT',
      message: expect.stringContaining('/d/000001: byte 8: the chunk there is damaged') as string,
    });
  });
  expect(files.list('/d').map((e) => e.name)).toEqual(['000001']);
});

test('a snapshot has the blocks whole', async () => {
  const world = simWorld(1);
  const { files } = world.env;
  files.makeDir('/d');
  const selection = modelSelection(files, '/d/000001', pieces({ 'a=b': [['memory', 60_000, [11, 1]]] }));
  await world.run(async () => {
    const o = { selection, mint: 10, maxt: 20, dir: '/d', ulid: ulidOf(1), outOfOrder: false, xor2: false };
    await cutHead(files, o);
    await snapshotBlocks(files, [`/d/${ulidOf(1)}`], '/snapshots/now');
    expect(plainSamples(await readModelBlock(files, `/snapshots/now/${ulidOf(1)}`))).toEqual({
      'a=b': [[11, 1]],
    });
    files.removeTree(`/d/${ulidOf(1)}`);
    world.disk.crash('power');
    const again = world.restart().files;
    expect(plainSamples(await readModelBlock(again, `/snapshots/now/${ulidOf(1)}`))).toEqual({
      'a=b': [[11, 1]],
    });
  });
});
