// One discovery: everything that a job (or another user of endpoints) has configured, as one list of groups that follows the world.
import type { Env } from '@munjigi/env';
import type { Problem } from '@munjigi/model';
import { FileDiscovery, type FileConfig } from './file.ts';
import { groupOf, type StaticConfig, type TargetGroup } from './group.ts';

export interface DiscoveryConfig {
  readonly static_configs: readonly StaticConfig[];
  readonly file_sd_configs: readonly FileConfig[];
}

export interface Discovery {
  /** All groups as they are now. */
  groups(): TargetGroup[];
  /** What is wrong now with what discovery reads. */
  problems(): Problem[];
  /** Ends all watching; no call follows. */
  close(): void;
}

/**
 * Starts a discovery. Its first groups are there when this returns; `changed` is called when they may be others. `dir`: where relative
 * paths of files start.
 */
export function discover(env: Env, config: DiscoveryConfig, dir: string, changed: () => void): Discovery {
  const fixed = config.static_configs.map((entry, i) => groupOf(`static/${i}`, entry));
  const files = config.file_sd_configs.map((entry) => new FileDiscovery(env, entry, dir, changed));
  return {
    groups: () => [...fixed, ...files.flatMap((file) => file.groups())],
    problems: () => files.flatMap((file) => file.problems()),
    close(): void {
      for (const file of files) file.close();
    },
  };
}
