// The driver: reads the sources, translates them, and knows what the data plane runs now. Lives in the control thread.
import type { Env } from '@munjigi/env';
import { hasErrors, type Problem } from '@munjigi/model';
import type { Delta, Resource, ResourceName } from '@munjigi/proxy';
import type { ListenerConfig } from './claims.ts';
import { deltaBetween, isEmptyDelta } from './delta.ts';
import { readFolders } from './source/folder.ts';
import { translate } from './translate.ts';
import type { GatewayView } from './view.ts';

export interface LoadRequest {
  /** Folders (or single files) as the user named them. */
  readonly folders: readonly string[];
  readonly listeners: readonly ListenerConfig[];
}

export interface Loaded {
  /** null: there are errors, or nothing has changed. */
  readonly delta: Delta | null;
  /** All errors and warnings. With an error nothing is to be applied. */
  readonly problems: readonly Problem[];
  /** Of what was read, even when it has errors. */
  readonly view: GatewayView;
}

export interface Control {
  /** Reads and translates everything. The delta is against the last committed state; a load replaces the one before it that was not committed. */
  load(request: LoadRequest): Promise<Loaded>;
  /** The delta of the last load, which has this version, runs everywhere: the next one starts from it. Any other version changes nothing. */
  committed(version: number): void;
  /** What runs: every resource, for a data plane that starts later. */
  running(): Delta;
}

interface State {
  readonly version: number;
  readonly resources: ReadonlyMap<ResourceName, Resource>;
}

export function createControl(env: Pick<Env, 'files'>): Control {
  let current: State = { version: 0, resources: new Map() };
  let candidate: State | null = null;
  let lastVersion = 0;
  return {
    async load({ folders, listeners }) {
      const { files, problems: reading } = readFolders(env.files, folders);
      const { resources, problems: translating, view } = translate({ files, listeners });
      const problems = [...reading, ...translating];
      candidate = null;
      if (hasErrors(problems)) return { delta: null, problems, view };
      const delta = deltaBetween(current.resources, resources, current.version, lastVersion + 1);
      if (isEmptyDelta(delta)) return { delta: null, problems, view };
      // A version is never given twice: one that was not committed may still be known to a worker.
      lastVersion = delta.version;
      candidate = {
        version: delta.version,
        resources: new Map(resources.map((resource) => [resource.name, resource])),
      };
      return { delta, problems, view };
    },
    committed(version) {
      if (candidate?.version !== version) return;
      current = candidate;
      candidate = null;
    },
    running: () => deltaBetween(new Map(), [...current.resources.values()], 0, current.version),
  };
}
