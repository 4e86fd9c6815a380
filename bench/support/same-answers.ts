// Whether two servers gave the same answer to a query.

type Point = readonly [time: number, value: string];

interface Answer {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      /** Of a vector. */
      readonly value?: Point;
      /** Of a matrix. */
      readonly values?: readonly Point[];
    }[];
  };
}

/** Null when both have the same series with the same points, values to 1e-9 of each. */
export function differenceOf(a: Uint8Array, b: Uint8Array): string | null {
  const [ours, theirs] = [rowsOf(a), rowsOf(b)];
  if (ours.size !== theirs.size) return `${ours.size} series against ${theirs.size}`;
  for (const [series, values] of theirs) {
    const own = ours.get(series);
    if (own === undefined) return `no series ${series}`;
    if (own.size !== values.size) return `${series}: ${own.size} points against ${values.size}`;
    for (const [t, value] of values) {
      const x = own.get(t);
      if (x === undefined) return `${series}: no point at ${t}`;
      const close = x === value || Math.abs(x - value) <= 1e-9 * Math.max(Math.abs(x), Math.abs(value));
      if (!close && !(Number.isNaN(value) && Number.isNaN(x)))
        return `${series} at ${t}: ${x} against ${value}`;
    }
  }
  return theirs.size === 0 ? 'no series at all' : null;
}

function rowsOf(body: Uint8Array): Map<string, Map<number, number>> {
  const { data } = JSON.parse(new TextDecoder().decode(body)) as Answer;
  const rows = new Map<string, Map<number, number>>();
  for (const { metric, value, values = [value!] } of data.result) {
    const key = JSON.stringify(Object.entries(metric).toSorted(([x], [y]) => (x < y ? -1 : 1)));
    rows.set(key, new Map(values.map(([t, text]) => [t, Number(text.replace('Inf', 'Infinity'))])));
  }
  return rows;
}
