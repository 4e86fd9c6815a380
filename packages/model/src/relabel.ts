// Relabelling: rules that keep, drop and rewrite label sets, with Prometheus' semantics. Rules are plain data; `compileRelabel` makes one
// function of a list of them.
import { md5 } from '@noble/hashes/legacy.js';
import { RE2JS } from 're2js';
import { labelsFrom, type Labels } from './labels.ts';
import { compileAnchored, RegExpError } from './regexp.ts';
import { encodeUtf8 } from './symbols.ts';

export const RELABEL_ACTIONS = [
  'replace',
  'keep',
  'drop',
  'keepequal',
  'dropequal',
  'hashmod',
  'labelmap',
  'labeldrop',
  'labelkeep',
  'lowercase',
  'uppercase',
] as const;
export type RelabelAction = (typeof RELABEL_ACTIONS)[number];

/** One rule, with the names of the configuration file. */
export interface RelabelConfig {
  readonly action: RelabelAction;
  readonly source_labels: readonly string[];
  readonly separator: string;
  /** RE2, anchored on both sides. */
  readonly regex: string;
  /** Of hashmod; 0: not set. */
  readonly modulus: number;
  readonly target_label: string;
  /** `$1`, `${1}`, `$name` and `${name}` stand for groups of the expression, `$$` for a dollar. */
  readonly replacement: string;
}

export const RELABEL_DEFAULTS: RelabelConfig = Object.freeze({
  action: 'replace',
  source_labels: Object.freeze([]),
  separator: ';',
  regex: '(.*)',
  modulus: 0,
  target_label: '',
  replacement: '$1',
});

/** Returns the labels after the rules, or null: dropped. The same object when nothing changed. */
export type Relabeler = (labels: Labels) => Labels | null;

/** What names of labels may be: any text (`utf8`), or the classic `[a-zA-Z_][a-zA-Z0-9_]*`. */
export type NameScheme = 'utf8' | 'legacy';

const LEGACY_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const LEGACY_TARGET = /^(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+$/;

export function isLabelName(name: string, scheme: NameScheme = 'utf8'): boolean {
  return scheme === 'utf8' ? name !== '' && name.isWellFormed() : LEGACY_NAME.test(name);
}

/** What is wrong with a rule, or null. Fields that the action does not use must have their defaults. */
export function checkRelabel(rule: RelabelConfig, scheme: NameScheme = 'utf8'): string | null {
  const { action, target_label: target } = rule;
  const d = RELABEL_DEFAULTS;
  try {
    compileAnchored(rule.regex);
  } catch (error) {
    if (error instanceof RegExpError) return `regex is not RE2: ${error.message}`;
    throw error;
  }
  if (action === 'hashmod' && rule.modulus === 0) return 'hashmod needs a modulus above 0';
  if (TARGETED.has(action)) {
    if (target === '') return `${action} needs a target_label`;
    const template = action === 'replace' && target.includes('$');
    const fits = template && scheme === 'legacy' ? LEGACY_TARGET.test(target) : isLabelName(target, scheme);
    if (!fits) return `${JSON.stringify(target)} is no target_label for ${action}`;
  }
  if (PLAIN.has(action) && rule.replacement !== d.replacement) return `${action} has no replacement`;
  if (action === 'labelmap') {
    const { replacement } = rule;
    const fits = scheme === 'legacy' ? LEGACY_TARGET.test(replacement) : isLabelName(replacement);
    if (!fits) return `${JSON.stringify(replacement)} is no replacement for labelmap`;
  }
  const more =
    rule.modulus !== d.modulus || rule.separator !== d.separator || rule.replacement !== d.replacement;
  if ((action === 'dropequal' || action === 'keepequal') && (more || rule.regex !== d.regex)) {
    return `${action} takes source_labels and target_label only`;
  }
  if (action === 'labeldrop' || action === 'labelkeep') {
    if (more || target !== '' || rule.source_labels.length > 0) return `${action} takes regex only`;
  }
  return null;
}

const TARGETED: ReadonlySet<RelabelAction> = new Set([
  'replace',
  'hashmod',
  'lowercase',
  'uppercase',
  'keepequal',
  'dropequal',
] as const);
/** Targeted, without groups to fill in. */
const PLAIN: ReadonlySet<RelabelAction> = new Set([
  'lowercase',
  'uppercase',
  'keepequal',
  'dropequal',
] as const);

/** Compiles checked rules. Throws RegExpError for an expression that `checkRelabel` would have refused. */
export function compileRelabel(rules: readonly RelabelConfig[], scheme: NameScheme = 'utf8'): Relabeler {
  const steps = rules.map((rule) => compileRule(rule, scheme));
  if (steps.length === 0) return (labels) => labels;
  return (labels) => {
    const work = new Work(labels);
    for (const step of steps) if (!step(work)) return null;
    return work.changed ? labelsFrom(work.values) : labels;
  };
}

/** The labels while rules run over them. */
class Work {
  readonly values = new Map<string, string>();
  changed = false;

  constructor(labels: Labels) {
    for (let i = 0; i < labels.length; i += 2) this.values.set(labels[i]!, labels[i + 1]!);
  }

  get(name: string): string {
    return this.values.get(name) ?? '';
  }

  /** An empty value removes the label. */
  set(name: string, value: string): void {
    if (this.get(name) === value) return;
    this.changed = true;
    if (value === '') this.values.delete(name);
    else this.values.set(name, value);
  }
}

/** Does one rule; false: drop. */
type Step = (work: Work) => boolean;

function compileRule(rule: RelabelConfig, scheme: NameScheme): Step {
  const target = rule.target_label;
  const source = sourceOf(rule);
  switch (rule.action) {
    case 'keep': {
      const { test } = compileAnchored(rule.regex);
      return (work) => test(source(work));
    }
    case 'drop': {
      const { test } = compileAnchored(rule.regex);
      return (work) => !test(source(work));
    }
    case 'keepequal':
      return (work) => work.get(target) === source(work);
    case 'dropequal':
      return (work) => work.get(target) !== source(work);
    case 'lowercase':
      return always((work) =>
        work.set(
          target,
          mapCase(source(work), (c) => c.toLowerCase()),
        ),
      );
    case 'uppercase':
      return always((work) =>
        work.set(
          target,
          mapCase(source(work), (c) => c.toUpperCase()),
        ),
      );
    case 'hashmod':
      return always((work) => work.set(target, hashMod(source(work), rule.modulus)));
    case 'replace':
      return replaceStep(rule, source, scheme);
    case 'labelmap':
      return labelMapStep(rule);
    case 'labeldrop':
    case 'labelkeep': {
      const { test } = compileAnchored(rule.regex);
      const drop = rule.action === 'labeldrop';
      return always((work) => {
        for (const name of work.values.keys()) if (test(name) === drop) work.set(name, '');
      });
    }
  }
}

function always(fn: (work: Work) => void): Step {
  return (work) => {
    fn(work);
    return true;
  };
}

function sourceOf(rule: RelabelConfig): (work: Work) => string {
  const { source_labels: names, separator } = rule;
  if (names.length === 0) return () => '';
  if (names.length === 1) return (work) => work.get(names[0]!);
  return (work) => {
    let text = work.get(names[0]!);
    for (let i = 1; i < names.length; i++) text += separator + work.get(names[i]!);
    return text;
  };
}

function replaceStep(rule: RelabelConfig, source: (work: Work) => string, scheme: NameScheme): Step {
  const groupsOf = compileGroups(rule.regex);
  const target = compileTemplate(rule.target_label);
  const replacement = compileTemplate(rule.replacement);
  return always((work) => {
    const groups = groupsOf(source(work));
    if (groups === null) return;
    const name = target(groups);
    if (isLabelName(name, scheme)) work.set(name, replacement(groups));
  });
}

function labelMapStep(rule: RelabelConfig): Step {
  const groupsOf = compileGroups(rule.regex);
  const replacement = compileTemplate(rule.replacement);
  return always((work) => {
    for (const [name, value] of Array.from(work.values)) {
      const groups = groupsOf(name);
      if (groups !== null) work.set(replacement(groups), value);
    }
  });
}

/**
 * A function that gives `replacement` with the groups of a whole match filled in, or null where the text does not match: PromQL's
 * label_replace. Throws RegExpError for an invalid expression.
 */
export function compileReplacer(regex: string, replacement: string): (text: string) => string | null {
  const groupsOf = compileGroups(regex);
  const template = compileTemplate(replacement);
  return (text) => {
    const groups = groupsOf(text);
    return groups === null ? null : template(groups);
  };
}

/** The groups of a match: by number, and those with a name by it. */
interface Groups {
  readonly numbered: readonly string[];
  readonly named: Readonly<Record<string, number>>;
}

const NO_NAMES: Readonly<Record<string, number>> = {};

/** A function that matches a whole text and gives its groups (an unmatched group is ''), or null. */
function compileGroups(regex: string): (text: string) => Groups | null {
  if (regex === '(.*)') return (text) => ({ numbered: [text, text], named: NO_NAMES });
  const { test } = compileAnchored(regex);
  if (!regex.includes('(')) return (text) => (test(text) ? { numbered: [text], named: NO_NAMES } : null);
  const engine = RE2JS.compile(regex, RE2JS.DOTALL);
  const named = engine.namedGroups();
  return (text) => {
    const matcher = engine.matcher(text);
    if (!matcher.matches()) return null;
    const numbered: string[] = [];
    for (let i = 0; i <= matcher.groupCount(); i++) numbered.push(matcher.group(i) ?? '');
    return { numbered, named };
  };
}

/** Go's `Regexp.Expand`: `$name` takes as many letters, digits and `_` as there are; what is no reference stays; `$$` is `$`. */
function compileTemplate(template: string): (groups: Groups) => string {
  if (!template.includes('$')) return () => template;
  const parts: (string | { readonly ref: string })[] = [];
  let rest = template;
  while (rest !== '') {
    const at = rest.indexOf('$');
    if (at < 0) {
      parts.push(rest);
      break;
    }
    parts.push(rest.slice(0, at));
    rest = rest.slice(at);
    const match = /^\$(?:\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+)|\$)/u.exec(rest);
    if (match === null) {
      parts.push('$');
      rest = rest.slice(1);
      continue;
    }
    const ref = match[1] ?? match[2];
    parts.push(ref === undefined ? '$' : { ref });
    rest = rest.slice(match[0].length);
  }
  return (groups) => {
    let out = '';
    for (const part of parts) out += typeof part === 'string' ? part : groupText(groups, part.ref);
    return out;
  };
}

function groupText(groups: Groups, ref: string): string {
  const index = /^(?:0|[1-9]\d{0,8})$/.test(ref) ? Number(ref) : groups.named[ref];
  return index === undefined ? '' : (groups.numbered[index] ?? '');
}

/** Character by character, as Go does: no character becomes several, none looks at its neighbours. */
function mapCase(text: string, map: (c: string) => string): string {
  let out = '';
  for (const c of text) {
    const mapped = map(c);
    out += String.fromCodePoint(mapped.codePointAt(0)!) === mapped ? mapped : c;
  }
  return out;
}

/** The last 8 bytes of the MD5, big-endian, modulo. */
function hashMod(text: string, modulus: number): string {
  const bytes = new Uint8Array(3 * text.length);
  const sum = md5(bytes.subarray(0, encodeUtf8(text, bytes, 0)));
  let rest = 0n;
  for (let i = 8; i < 16; i++) rest = (rest << 8n) | BigInt(sum[i]!);
  return String(rest % BigInt(modulus));
}
