// Makes a query smaller while it still shows the same difference: one subtree after the other is replaced by something simpler.
import { printExpr, typeOf, type Expr, type ValueType } from '@munjigi/promql';
import type { Question } from '../../compat/prometheus/question.ts';

/** Tries at most; each is a query to both. */
const TRIES = 150;

/** `differs`: whether a question still shows it. */
export async function minimised(
  expr: Expr,
  question: Question,
  differs: (q: Question) => Promise<boolean>,
): Promise<{ readonly expr: Expr; readonly question: Question }> {
  let best = { expr, question };
  let tries = 0;
  for (;;) {
    let found = false;
    for (const next of candidates(best.expr, best.question)) {
      if (++tries > TRIES) return best;
      if (!(await differs(next.question))) continue;
      best = next;
      found = true;
      break;
    }
    if (!found) return best;
  }
}

/** Everything one step simpler: smaller expressions first, then fewer times and options. */
function* candidates(
  expr: Expr,
  question: Question,
): Generator<{ readonly expr: Expr; readonly question: Question }> {
  for (const smaller of simpler(expr)) {
    const query = printExpr(smaller);
    if (query.length < question.query.length) yield { expr: smaller, question: { ...question, query } };
  }
  for (const q of easier(question)) yield { expr, question: q };
}

function* easier(q: Question): Generator<Question> {
  if (q.startTimestamps === true) yield { ...q, startTimestamps: false };
  if (q.delayedNameRemoval === true) yield { ...q, delayedNameRemoval: false };
  if (q.lookback_ms !== undefined) {
    const { lookback_ms: _, ...rest } = q;
    yield rest;
  }
  if (q.step_ms === 0) return;
  const steps = Math.floor((q.end_ms - q.start_ms) / q.step_ms);
  if (steps > 0) {
    const middle = q.start_ms + Math.ceil(steps / 2) * q.step_ms;
    yield { ...q, end_ms: middle - q.step_ms };
    yield { ...q, start_ms: middle };
  } else yield { ...q, end_ms: q.start_ms, step_ms: 0 };
}

/** The tree with one node made simpler, in turn; bigger cuts first. */
function* simpler(e: Expr): Generator<Expr> {
  const type = typeOf(e);
  for (const below of descendants(e)) if (fits(type, typeOf(below))) yield below;
  switch (e.kind) {
    case 'vector':
    case 'matrix': {
      const s = e.kind === 'vector' ? e : e.selector;
      const cuts = [
        ...(s.at === null ? [] : [{ at: null }]),
        ...(s.offset === null ? [] : [{ offset: null }]),
        ...(s.extended === null ? [] : [{ extended: null }]),
        ...s.matchers
          .filter((m) => m.name !== '__name__')
          .map((m) => ({ matchers: s.matchers.filter((other) => other !== m) })),
      ];
      for (const cut of cuts)
        yield e.kind === 'vector' ? { ...e, ...cut } : { ...e, selector: { ...e.selector, ...cut } };
      return;
    }
    case 'subquery':
      if (e.at !== null) yield { ...e, at: null };
      if (e.offset !== null) yield { ...e, offset: null };
      if (e.step !== null) yield { ...e, step: null };
      for (const expr of simpler(e.expr)) yield { ...e, expr };
      return;
    case 'call':
      for (const [i, arg] of e.args.entries())
        for (const inner of simpler(arg)) yield { ...e, args: e.args.with(i, inner) };
      return;
    case 'aggregate':
      for (const label of e.grouping) yield { ...e, grouping: e.grouping.filter((other) => other !== label) };
      if (e.without) yield { ...e, without: false };
      if (e.param !== null) for (const param of simpler(e.param)) yield { ...e, param };
      for (const expr of simpler(e.expr)) yield { ...e, expr };
      return;
    case 'binary': {
      const m = e.matching;
      if (m !== null) {
        for (const label of m.include)
          yield { ...e, matching: { ...m, include: m.include.filter((other) => other !== label) } };
        for (const label of m.labels)
          yield { ...e, matching: { ...m, labels: m.labels.filter((other) => other !== label) } };
        if (m.fillLeft !== null) yield { ...e, matching: { ...m, fillLeft: null } };
        if (m.fillRight !== null) yield { ...e, matching: { ...m, fillRight: null } };
      }
      for (const left of simpler(e.left)) yield { ...e, left };
      for (const right of simpler(e.right)) yield { ...e, right };
      return;
    }
    case 'unary':
    case 'paren':
      for (const expr of simpler(e.expr)) yield { ...e, expr };
      return;
    case 'number':
      if (e.value !== 1) yield { ...e, value: 1, duration: false };
      return;
    case 'string':
  }
}

function fits(wanted: ValueType, given: ValueType): boolean {
  return wanted === given;
}

function* descendants(e: Expr): Generator<Expr> {
  const children: readonly Expr[] =
    e.kind === 'call'
      ? e.args
      : e.kind === 'aggregate'
        ? [e.expr]
        : e.kind === 'binary'
          ? [e.left, e.right]
          : e.kind === 'subquery' || e.kind === 'unary' || e.kind === 'paren'
            ? [e.expr]
            : [];
  for (const child of children) {
    yield child;
    yield* descendants(child);
  }
}
