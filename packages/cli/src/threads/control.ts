// The control thread: reading, parsing and translating configuration, which may take seconds when there is much of it.
import { joinPort, type Env, type Port } from '@munjigi/env';
import type { MunjigiConfig } from '../config.ts';
import { createLoader } from '../load.ts';

export function run(env: Env, parent: Port, data: MunjigiConfig): void {
  const loader = createLoader(env, data);
  joinPort(parent, {
    load: () => loader.load(),
    committed: () => loader.committed(),
  });
}
