// /status/* and /features: what runs, with which configuration, and how much the store holds.
import { printRfc3339 } from '@munjigi/model';
import type { ApiDeps, BlockView, RuntimeInfo, TsdbStatus } from './deps.ts';
import { READ, type Endpoints } from './endpoint.ts';
import { topLimit } from './params.ts';
import { finishedJson, success } from './reply.ts';

export function statusEndpoints(deps: ApiDeps): Endpoints {
  const { clock } = deps;
  return {
    '/status/config': {
      methods: READ,
      needsStore: false,
      handle: () => success({ yaml: deps.configText() }),
    },
    '/features': { methods: READ, needsStore: false, handle: () => success(deps.features) },
    '/status/flags': { methods: READ, needsStore: false, handle: () => success(deps.flags) },
    '/status/buildinfo': { methods: READ, needsStore: false, handle: () => success(deps.buildInfo) },
    '/status/runtimeinfo': {
      methods: READ,
      needsStore: false,
      handle: async () => success(runtime(await deps.runtimeInfo(), clock.now())),
    },
    '/status/tsdb': {
      methods: READ,
      needsStore: true,
      handle: async ({ params }) => {
        return finishedJson(200, tsdbStatus(await deps.tsdbStatus(topLimit(params))));
      },
    },
    '/status/tsdb/blocks': {
      methods: READ,
      needsStore: true,
      handle: async () => success({ blocks: (await deps.blocks()).map(block) }),
    },
    '/status/walreplay': {
      methods: READ,
      needsStore: false,
      handle: async () => {
        const { min, max, current } = await deps.walReplay();
        return success({ min, max, current });
      },
    },
  };
}

function runtime(r: RuntimeInfo, now_ms: number): object {
  return {
    startTime: printRfc3339(r.startTime_ms),
    CWD: r.cwd,
    hostname: r.hostname,
    serverTime: printRfc3339(now_ms),
    reloadConfigSuccess: r.reloadConfigSuccess,
    lastConfigTime: printRfc3339(r.lastConfigTime_ms),
    corruptionCount: r.corruptionCount,
    goroutineCount: r.threads,
    GOMAXPROCS: r.cpus,
    GOMEMLIMIT: r.memoryLimit,
    GOGC: '',
    GODEBUG: '',
    storageRetention: r.storageRetention,
  };
}

/** As Prometheus writes it: what is zero, false or empty is left out. */
function block({ ulid, minTime, maxTime, stats, compaction: c, version }: BlockView): object {
  const some = <T>(list: readonly T[] | undefined): readonly T[] | undefined =>
    list === undefined || list.length === 0 ? undefined : list;
  return {
    ulid,
    minTime,
    maxTime,
    stats: {
      numSamples: stats.numSamples || undefined,
      numFloatSamples: stats.numFloatSamples || undefined,
      numHistogramSamples: stats.numHistogramSamples || undefined,
      numSeries: stats.numSeries || undefined,
      numChunks: stats.numChunks || undefined,
      numTombstones: stats.numTombstones || undefined,
    },
    compaction: {
      level: c.level,
      sources: some(c.sources),
      deletable: c.deletable || undefined,
      parents: some(c.parents),
      failed: c.failed || undefined,
      hints: some(c.hints),
    },
    version,
  };
}

/** An empty head has Prometheus' extreme int64 times, which no JavaScript number holds: written as text. */
function tsdbStatus({ headStats: h, ...rest }: TsdbStatus): string {
  const counts = JSON.stringify({
    numSeries: h.numSeries,
    numLabelPairs: h.numLabelPairs,
    chunkCount: h.chunkCount,
  });
  const times = `"minTime":${h.minTime ?? '9223372036854775807'},"maxTime":${h.maxTime ?? '-9223372036854775808'}`;
  const tables = JSON.stringify({
    seriesCountByMetricName: rest.seriesCountByMetricName,
    labelValueCountByLabelName: rest.labelValueCountByLabelName,
    memoryInBytesByLabelName: rest.memoryInBytesByLabelName,
    seriesCountByLabelValuePair: rest.seriesCountByLabelValuePair,
  });
  const head = `"headStats":${counts.slice(0, -1)},${times}}`;
  return `{"status":"success","data":{${head},${tables.slice(1)}}`;
}
