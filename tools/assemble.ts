// `node tools/assemble.ts`: compiles the AssemblyScript sources beside the packages' TypeScript into the modules that hold their bytes.
// `assembly.test.ts` compiles them again and compares.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './tidy.ts';

const COMPILER = join(ROOT, 'node_modules/assemblyscript/bin/asc.js');
const OPTIONS: readonly string[] = [
  '-O3',
  '--noAssert',
  '--enable',
  'simd',
  '--runtime',
  'stub',
  '--importMemory',
];

export const KERNELS: readonly { readonly source: string; readonly module: string }[] = [
  { source: 'packages/tsdb/assembly/chunk.ts', module: 'packages/tsdb/src/chunk/chunk-wasm.ts' },
  { source: 'packages/promql/assembly/number.ts', module: 'packages/promql/src/number-wasm.ts' },
  { source: 'packages/promql/assembly/window.ts', module: 'packages/promql/src/window-wasm.ts' },
];

/** The text of a module that exports the compiled source as base64. Throws with the compiler's words. */
export function assembled(source: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'munjigi-assemble-'));
  try {
    const out = join(dir, 'out.wasm');
    const { status, stderr } = spawnSync(process.execPath, [COMPILER, source, ...OPTIONS, '--outFile', out], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${source}: ${stderr}`);
    const base64 = readFileSync(out).toString('base64').replace(/=+$/, '');
    const lines = base64.match(/.{1,110}/g)!.map((line) => `  '${line}'`);
    return `// Written by \`node tools/assemble.ts\` from ${source}.

export const WASM: string =
${lines.join(' +\n')};
`;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

if (import.meta.main)
  for (const { source, module } of KERNELS) {
    writeFileSync(join(ROOT, module), assembled(source));
    console.log(`${module} from ${source}`);
  }
