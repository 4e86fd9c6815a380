// The compliance queries: templates of the public suite, with every combination of their variants.
import { childOf, readDocuments, toPlain } from '@munjigi/document';

export interface ComplianceQuery {
  readonly query: string;
  readonly shouldFail: boolean;
}

const SIMPLE_AGGREGATES = 'sum avg max min count stddev stdvar';
const ARITHMETIC = '+ - * / % ^';
const COMPARISONS = '== != < > <= >=';

/** Argument of a template -> its values, as the suite's own tester has them. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries({
    range: '1s 15s 1m 5m 15m 1h',
    offset: '1m 5m 10m',
    simpleAggrOp: SIMPLE_AGGREGATES,
    simpleTimeAggrOp: `${SIMPLE_AGGREGATES} absent last`,
    topBottomOp: 'topk bottomk',
    quantile: '-0.5 0.1 0.5 0.75 0.95 0.90 0.99 1 1.5',
    arithBinOp: ARITHMETIC,
    compBinOp: COMPARISONS,
    binOp: `${ARITHMETIC} ${COMPARISONS}`,
    simpleMathFunc: 'abs ceil floor exp sqrt ln log2 log10 round',
    extrapolatedRateFunc: 'delta rate increase',
    clampFunc: 'clamp_min clamp_max',
    instantRateFunc: 'idelta irate',
    dateFunc: 'day_of_month day_of_week days_in_month hour minute month year',
  }).map(([name, values]) => [name, values.split(' ')]),
);

interface Template {
  readonly query: string;
  readonly variant_args?: readonly string[];
  readonly should_fail?: string;
}

/** Throws where the file is not what it was: unknown arguments, syntax errors. */
export function complianceQueries(file: string, text: string): ComplianceQuery[] {
  const { documents, problems } = readDocuments(file, text);
  const cases = documents[0] === undefined ? null : childOf(documents[0], 'test_cases');
  if (problems.length > 0 || cases === null)
    throw new Error(`${file}: ${problems[0]?.message ?? 'no test_cases'}`);
  return (toPlain(cases) as Template[]).flatMap(({ query, variant_args = [], should_fail }) =>
    variant_args
      .reduce((texts, argument) => texts.flatMap((t) => filled(t, argument)), [query])
      .map((one) => ({ query: one, shouldFail: should_fail !== undefined })),
  );
}

function filled(text: string, argument: string): string[] {
  const values = VARIANTS[argument];
  if (values === undefined) throw new Error(`unknown argument ${argument} of a template`);
  return values.map((value) => text.replaceAll(`{{.${argument}}}`, value));
}
