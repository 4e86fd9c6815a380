// /targets, /scrape_pools, and what rules and alerts answer while there are none.
import type { DroppedTargetView, TargetView } from '@munjigi/collect';
import { labelsToObject, printDuration, printRfc3339 } from '@munjigi/model';
import type { ApiDeps } from './deps.ts';
import { READ, type Endpoints } from './endpoint.ts';
import { invalidParameter } from './params.ts';
import { success } from './reply.ts';

/** Go's zero time: a target that was never scraped. */
const NEVER = '0001-01-01T00:00:00Z';

export function targetEndpoints({ targets }: ApiDeps): Endpoints {
  return {
    '/targets': {
      methods: READ,
      needsStore: false,
      handle: async ({ params }) => {
        const state = (params.get('state') ?? '').toLowerCase();
        const wantsActive = ['', 'any', 'active'].includes(state);
        const wantsDropped = ['', 'any', 'dropped'].includes(state);
        const pool = params.get('scrapePool') ?? '';
        const view = await targets();
        const wanted = ({ scrapePool }: { scrapePool: string }): boolean =>
          pool === '' || scrapePool === pool;
        const dropped = view.dropped.filter(wanted);
        const counts: Record<string, number> = {};
        if (wantsDropped) {
          for (const name of view.pools) if (wanted({ scrapePool: name })) counts[name] = 0;
          for (const { scrapePool } of dropped) counts[scrapePool] = (counts[scrapePool] ?? 0) + 1;
        }
        return success({
          activeTargets: wantsActive ? view.active.filter(wanted).map(activeTarget) : [],
          droppedTargets: wantsDropped ? dropped.map(droppedTarget) : [],
          droppedTargetCounts: counts,
        });
      },
    },
    '/scrape_pools': {
      methods: READ,
      needsStore: false,
      handle: async () => success({ scrapePools: [...(await targets()).pools].sort() }),
    },
  };
}

function activeTarget(t: TargetView): object {
  return {
    discoveredLabels: labelsToObject(t.discoveredLabels),
    labels: labelsToObject(t.labels),
    scrapePool: t.scrapePool,
    scrapeUrl: t.scrapeUrl,
    globalUrl: t.globalUrl,
    lastError: t.lastError,
    lastScrape: t.lastScrape_ms === 0 ? NEVER : printRfc3339(t.lastScrape_ms),
    lastScrapeDuration: t.lastScrapeDuration_ms / 1000,
    health: t.health,
    scrapeInterval: printDuration(t.scrapeInterval_ms),
    scrapeTimeout: printDuration(t.scrapeTimeout_ms),
  };
}

function droppedTarget(t: DroppedTargetView): object {
  return { discoveredLabels: labelsToObject(t.discoveredLabels), scrapePool: t.scrapePool };
}

/** Rules and alerts: empty lists, in the shape that clients expect. */
export function ruleEndpoints(): Endpoints {
  return {
    '/rules': {
      methods: READ,
      needsStore: false,
      handle: ({ params }) => {
        const type = (params.get('type') ?? '').toLowerCase();
        if (!['', 'alert', 'record'].includes(type))
          throw invalidParameter('type', `not supported value ${JSON.stringify(type)}`);
        return success({ groups: [] });
      },
    },
    '/alerts': { methods: READ, needsStore: false, handle: () => success({ alerts: [] }) },
    '/alertmanagers': {
      methods: READ,
      needsStore: false,
      handle: () => success({ activeAlertmanagers: [], droppedAlertmanagers: [] }),
    },
  };
}
