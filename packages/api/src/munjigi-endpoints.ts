// Munjigi's own: the state of the gate and the problems of its configuration, for the console and for scripts.
import { printProblem } from '@munjigi/model';
import type { ApiDeps } from './deps.ts';
import { READ, type Endpoints } from './endpoint.ts';
import { success } from './reply.ts';

export function munjigiEndpoints(deps: ApiDeps): Endpoints {
  return {
    '/munjigi/gateway': {
      methods: READ,
      needsStore: false,
      handle: async () => success(await deps.gateway()),
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
