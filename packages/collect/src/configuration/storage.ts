// The `storage` section: what of the store may change while the program runs.
import {
  duration,
  enumOf,
  integer,
  number,
  object,
  optional,
  refine,
  withDefault,
  type Decoder,
  type Field,
} from '@munjigi/document';
import { bytesWithUnit } from './global.ts';

/** How long and how much is kept; 0: not limited by that. */
export interface RetentionConfig {
  /** ms */
  readonly time: number;
  /** Bytes; without effect when there is a percentage. */
  readonly size: number;
  /** Of the disk's size, 0 to 100. */
  readonly percentage: number;
}

/** What is said in `storage`; undefined: not said, the program's own configuration holds. Durations in ms. */
export interface StorageConfig {
  /** Where the section is there it decides alone: what it leaves out is not limited. */
  readonly retention: RetentionConfig | undefined;
  readonly out_of_order_time_window: number | undefined;
  readonly float_encoding: 'xor' | 'xor2' | undefined;
  /** 0: none are kept. */
  readonly max_exemplars: number | undefined;
}

export const NOTHING_SAID: StorageConfig = {
  retention: undefined,
  out_of_order_time_window: undefined,
  float_encoding: undefined,
  max_exemplars: undefined,
};

const retention: Decoder<RetentionConfig> = object(
  {
    time: withDefault(duration(), 0),
    size: withDefault(bytesWithUnit, 0),
    percentage: withDefault(number({ min: 0, max: 100 }), 0),
  },
  {
    check: (value, report) => {
      if (value.percentage > 0 && value.size > 0)
        report.warn('size', 'has no effect, because percentage is set');
      if (value.time === 0 && value.size === 0 && value.percentage === 0)
        report.warn('', 'limits nothing: samples are kept for ever, until the disk is full');
    },
  },
);

/** Prometheus takes the empty text as if nothing were said. */
const encoding: Decoder<'' | 'xor' | 'xor2'> = (node, context) =>
  node.kind === 'scalar' && node.text === '' ? '' : enumOf('xor', 'xor2')(node, context);

/** A share of stale series in the head at which Prometheus compacts them out of turn. */
const staleSeriesThreshold: Field<undefined> = {
  decoder: (node, context) => {
    number()(node, context);
    context.warn(node, 'has no effect: series that ended leave the head at the next cut in any case');
    return undefined;
  },
  absent: () => undefined,
  silent: true,
};

export const storage: Decoder<StorageConfig> = refine(
  object({
    tsdb: optional(
      object({
        out_of_order_time_window: optional(duration()),
        stale_series_compaction_threshold: staleSeriesThreshold,
        chunk_encoding: optional(object({ floats: withDefault(encoding, '') })),
        retention: optional(retention),
      }),
    ),
    exemplars: optional(object({ max_exemplars: optional(integer()) })),
  }),
  ({ tsdb, exemplars }) => {
    const floats = tsdb?.chunk_encoding?.floats ?? '';
    const max = exemplars?.max_exemplars;
    return {
      retention: tsdb?.retention,
      out_of_order_time_window: tsdb?.out_of_order_time_window,
      float_encoding: floats === '' ? undefined : floats,
      // As in Prometheus, 0 and below switch them off.
      max_exemplars: max === undefined ? undefined : Math.max(0, max),
    };
  },
);
