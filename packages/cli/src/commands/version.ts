import { nodeVersion, stdout } from '@munjigi/env/node';
import { PRODUCT_VERSION } from '../product.ts';

export function version(): number {
  stdout.write(`munjigi ${PRODUCT_VERSION} (node ${nodeVersion})\n`);
  return 0;
}
