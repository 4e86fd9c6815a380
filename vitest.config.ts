import { defineConfig, type ViteUserConfig } from 'vitest/config';

// `node` is the fast core; `slow` holds what starts real peers, browsers, whole programs or long crash runs.
const config: ViteUserConfig = defineConfig({
  test: {
    isolate: false,
    maxWorkers: 2,
    reporters: ['default', './tools/summary.vitest.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          include: ['packages/*/src/**/*.test.ts', 'tools/**/*.test.ts', 'sim/**/*.test.ts'],
          exclude: ['**/*.slow.test.ts'],
          experimental: { viteModuleRunner: false },
        },
      },
      { extends: true, test: { name: 'ui', include: ['packages/ui/src/**/*.test.tsx'] } },
      {
        extends: true,
        test: {
          name: 'slow',
          include: ['packages/*/src/**/*.slow.test.ts', 'tests/**/*.slow.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          // After the fast ones: real peers and crash runs want the machine for themselves.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          experimental: { viteModuleRunner: false },
        },
      },
    ],
  },
});
export default config;
