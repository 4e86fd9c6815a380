// Arguments of the repository's own commands: numbers with defaults.

/** Reads `--name NUMBER` pairs over the defaults; a line that says what is wrong when there is anything else. */
export function readNumbers<T extends Readonly<Record<string, number>>>(
  args: readonly string[],
  defaults: T,
): { [K in keyof T]: number } | string {
  const found: Record<string, number> = { ...defaults };
  for (let i = 0; i < args.length; i += 2) {
    const name = args[i]!.replace(/^--/, '');
    if (!args[i]!.startsWith('--') || !(name in defaults)) return `unknown argument ${args[i]}`;
    const value = Number(args[i + 1] ?? '');
    if (args[i + 1] === undefined || !Number.isFinite(value) || value < 0) return `${args[i]} needs a number`;
    found[name] = value;
  }
  return found as { [K in keyof T]: number };
}
