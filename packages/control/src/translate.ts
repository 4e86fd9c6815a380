// From the text of configuration files to everything the data plane runs.
import { hasErrors, type Problem } from '@munjigi/model';
import type { Resource } from '@munjigi/proxy';
import { addListener, type HostClaim, type ListenerConfig } from './claims.ts';
import { NOT_FOUND, translateIstio } from './istio/translate.ts';
import { NO_ROUTE } from './kong/routes.ts';
import { translateKong } from './kong/translate.ts';
import { Problems } from './problems.ts';
import { ResourceSet } from './resources.ts';
import type { SourceFile } from './source/folder.ts';
import { sortDocuments } from './source/header.ts';
import type { GatewayView } from './view.ts';

export interface TranslateInput {
  readonly files: readonly SourceFile[];
  /** Addresses and ports to serve, each once. */
  readonly listeners: readonly ListenerConfig[];
}

export interface Translation {
  /** Everything, in order of names. Not to be used when `problems` has errors. */
  readonly resources: readonly Resource[];
  /** By file and place. */
  readonly problems: readonly Problem[];
  readonly view: GatewayView;
}

/** Never throws on input: whatever is wrong with it stands in `problems`, all of it at once. */
export function translate({ files, listeners }: TranslateInput): Translation {
  const sorted = sortDocuments(files);
  const problems = new Problems([...sorted.kong, ...sorted.istio]);
  problems.all.push(...sorted.problems);
  const resources = new ResourceSet();

  const kong = sorted.kong.length === 0 ? null : translateKong(sorted.kong, resources, problems);
  const istio = translateIstio(sorted.istio, listeners, resources, problems);
  const otherwise = kong === null ? NOT_FOUND : NO_ROUTE;
  const listenerViews = listeners.map((listener, i) => {
    const claims: HostClaim[] = [...(kong?.claims ?? []), ...(istio.claims[i] ?? [])];
    return addListener(listener, claims, otherwise, resources, problems);
  });

  if (resources.collisions.size > 0 && !hasErrors(problems.all)) {
    for (const name of resources.collisions) {
      const message = `two objects come out as ${name}: rename one of them`;
      problems.error({ file: files[0]?.path ?? '', line: 0, column: 0, field: '' }, '', message);
    }
  }
  return {
    resources: resources.all(),
    problems: inOrder(problems.all, files),
    view: { listeners: listenerViews, routes: [...(kong?.views ?? []), ...istio.views] },
  };
}

/** By file in the order of reading, then by place; each problem once. */
function inOrder(problems: readonly Problem[], files: readonly SourceFile[]): Problem[] {
  const rank = new Map(files.map(({ path }, i) => [path, i]));
  const seen = new Set<string>();
  return problems
    .filter((problem) => {
      const key = `${problem.file}:${problem.line}:${problem.column}:${problem.field}:${problem.message}`;
      return !seen.has(key) && seen.add(key);
    })
    .sort(
      (a, b) => (rank.get(a.file) ?? -1) - (rank.get(b.file) ?? -1) || a.line - b.line || a.column - b.column,
    );
}
