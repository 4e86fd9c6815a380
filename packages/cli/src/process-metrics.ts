// The process itself, under the names every Prometheus client uses.
import { processStats } from '@munjigi/env/node';
import { Registry } from '@munjigi/model';
import { PRODUCT_VERSION } from './product.ts';

export function processRegistry(): Registry {
  const registry = new Registry();
  const cpu = registry.counter('process_cpu_seconds_total', 'User and system CPU time spent.').with();
  const rss = registry.gauge('process_resident_memory_bytes', 'Resident memory size.').with();
  const heap = registry
    .gauge('munjigi_main_heap_bytes', 'JavaScript heap of the main thread that is in use.')
    .with();
  const start = registry
    .gauge('process_start_time_seconds', 'Start time of the process, in Unix time.')
    .with();
  const fds = registry.gauge('process_open_fds', 'Open file descriptors.').with();
  const maxFds = registry.gauge('process_max_fds', 'Most file descriptors that may be open.').with();
  registry
    .gauge('munjigi_build_info', 'Version that runs; always 1.')
    .with({ version: PRODUCT_VERSION })
    .set(1);
  let seen = 0;
  registry.beforeCollect(() => {
    const stats = processStats();
    cpu.add(stats.cpu_seconds - seen);
    seen = stats.cpu_seconds;
    rss.set(stats.rss_bytes);
    heap.set(stats.heap_bytes);
    start.set(stats.start_seconds);
    fds.set(stats.openFiles);
    maxFds.set(stats.openFilesMax);
  });
  return registry;
}
