// Munjigi's own: the state of the gate, the problems of its configuration, and what the caps on series refused, for the console and for
// scripts.
import { labelsToObject, printProblem } from '@munjigi/model';
import type { ApiDeps, CardinalityView } from './deps.ts';
import { READ, type Endpoints } from './endpoint.ts';
import { topLimit } from './params.ts';
import { success } from './reply.ts';

export function munjigiEndpoints(deps: ApiDeps): Endpoints {
  return {
    '/munjigi/gateway': {
      methods: READ,
      needsStore: false,
      handle: async () => success(await deps.gateway()),
    },
    '/munjigi/cardinality': {
      methods: READ,
      needsStore: true,
      handle: async ({ params }) => success(cardinality(await deps.cardinality(topLimit(params)))),
    },
    '/munjigi/problems': {
      methods: READ,
      needsStore: false,
      handle: () =>
        success({
          problems: deps.problems().map((problem) => ({ ...problem, text: printProblem(problem) })),
        }),
    },
  };
}

function cardinality({ head, storage, maxSeriesPerTarget, targets }: CardinalityView): object {
  return {
    store: {
      series: head.series,
      maxSeries: head.maxSeries,
      refused: storage.refused,
      newestNames: storage.newestNames,
    },
    maxSeriesPerTarget,
    targets: targets.map((target) => ({ ...target, labels: labelsToObject(target.labels) })),
  };
}
