// Where a route's requests go, by weight. One a split name and worker; a change of weights replaces only this.
import { compileAnswer, type Answer } from '../answer.ts';
import type { Cell } from '../cell.ts';
import type { HeaderEdits, SplitResource } from '../snapshot.ts';
import { RoundRobin } from '../upstream/balance.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { compileEdits, type Edits } from './edits.ts';
import type { Route } from './route.ts';

export interface Target {
  readonly cluster: Cell<Cluster>;
  /** null: none of its own. */
  readonly requestHeaders: HeaderEdits | null;
  readonly responseHeaders: HeaderEdits | null;
  /** Edits of a route and this target together, compiled when first needed. */
  readonly merged: Map<Route, { readonly request: Edits; readonly response: Edits }>;
}

export interface Split {
  readonly turn: RoundRobin<Target>;
  readonly noBackend: Answer;
}

const ANY = (): boolean => true;

export function compileSplit(
  r: SplitResource,
  clusterOf: (name: string) => Cell<Cluster>,
  start: number,
): Split {
  return {
    turn: new RoundRobin<Target>(
      r.targets.map((t): [Target, number] => [
        {
          cluster: clusterOf(t.cluster),
          requestHeaders: hasEdits(t.requestHeaders) ? t.requestHeaders : null,
          responseHeaders: hasEdits(t.responseHeaders) ? t.responseHeaders : null,
          merged: new Map(),
        },
        t.weight,
      ]),
      start,
    ),
    noBackend: compileAnswer(r.noBackend),
  };
}

/** The target whose turn it is; null: all weights are 0. */
export function pickTarget(s: Split): Target | null {
  return s.turn.pick(ANY);
}

export function requestEdits(route: Route, target: Target): Edits {
  return target.requestHeaders === null ? route.requestEdits : merged(route, target).request;
}

export function responseEdits(route: Route, target: Target): Edits {
  return target.responseHeaders === null ? route.responseEdits : merged(route, target).response;
}

function merged(route: Route, target: Target): { readonly request: Edits; readonly response: Edits } {
  let both = target.merged.get(route);
  if (both === undefined) {
    both = {
      request: compileEdits(route.requestHeaders, target.requestHeaders ?? NONE),
      response: compileEdits(route.responseHeaders, target.responseHeaders ?? NONE),
    };
    target.merged.set(route, both);
  }
  return both;
}

const NONE: HeaderEdits = { remove: [], set: [], add: [] };

function hasEdits(e: HeaderEdits): boolean {
  return e.remove.length + e.set.length + e.add.length > 0;
}
