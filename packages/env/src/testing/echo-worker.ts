// A thread for the contract tests: does what it is told, so that every way a thread can live and end is seen.
import type { Env, Port } from '../env.ts';
import { joinPort } from '../rpc.ts';

export function run(env: Env, parent: Port, data: { finish?: boolean; shared?: Int32Array }): void {
  if (data.finish === true) return;
  env.log.info('thread began');
  joinPort(parent, {
    echo: (argument: unknown) => argument,
    fail: () => {
      throw Object.assign(new Error('refused by the thread'), { code: 'EREFUSED' });
    },
    die: () => {
      env.clock.after(1, () => {
        throw new Error('the thread broke');
      });
    },
    add: () => Atomics.add(data.shared!, 0, 1),
    answerOn: (text: string, ports: readonly Port[]) => {
      ports[0]!.receive((message) => ports[0]!.post(`${text} ${String(message)}`));
    },
    bytes: (b: Uint8Array) => b.length,
    leave: () => parent.close(),
    burst: (n: number) => {
      for (let i = 0; i < n; i++) parent.post({ call: 0, method: 'count', argument: i });
      parent.close();
    },
  });
}
