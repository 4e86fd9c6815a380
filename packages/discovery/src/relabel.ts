// The configuration of relabelling, as every user of discovered targets has it.
import { integer, list, object, refine, string, withDefault, type Decoder } from '@munjigi/document';
import {
  checkRelabel,
  RELABEL_ACTIONS,
  RELABEL_DEFAULTS,
  type NameScheme,
  type RelabelAction,
  type RelabelConfig,
} from '@munjigi/model';

const action: Decoder<RelabelAction> = refine(string(), (text, report) => {
  const found = RELABEL_ACTIONS.find((name) => name === text.toLowerCase());
  return (
    found ??
    report(`unknown relabel action ${JSON.stringify(text)}: use one of ${RELABEL_ACTIONS.join(', ')}`)
  );
});

/** `relabel_configs` and its like: a list of checked rules. */
export function relabelConfigs(scheme: NameScheme = 'utf8'): Decoder<RelabelConfig[]> {
  return list(
    object(
      {
        source_labels: withDefault(list(string()), RELABEL_DEFAULTS.source_labels as string[]),
        separator: withDefault(string(), RELABEL_DEFAULTS.separator),
        regex: withDefault(string(), RELABEL_DEFAULTS.regex),
        modulus: withDefault(integer({ min: 0 }), RELABEL_DEFAULTS.modulus),
        target_label: withDefault(string(), RELABEL_DEFAULTS.target_label),
        replacement: withDefault(string(), RELABEL_DEFAULTS.replacement),
        action: withDefault(action, RELABEL_DEFAULTS.action),
      },
      {
        check: (rule, report) => {
          const wrong = checkRelabel(rule, scheme);
          if (wrong !== null) report.error('', wrong);
        },
      },
    ),
  );
}
