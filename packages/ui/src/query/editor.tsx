// The PromQL editor: CodeMirror with highlighting, completion from the API, and our own parser's errors.
import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  closeCompletion,
  completionKeymap,
  completionStatus,
  selectedCompletion,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { lintKeymap, linter } from '@codemirror/lint';
import { EditorState, Prec, type Extension } from '@codemirror/state';
import { EditorView, keymap, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { PromQLExtension } from '@prometheus-io/codemirror-promql';
import { useEffect, useLayoutEffect, useRef, type ReactNode } from 'react';
import { basePath } from '../browser.ts';
import { onEditorWish } from '../shell/focus-editor.ts';
import type { EditorProps } from './editor-slot.tsx';
import { diagnose } from './own-parser.ts';

/** How far back completion looks for series; the API would otherwise search everything it has. */
const LOOKBACK_ms = 12 * 3_600_000;
/** Beyond this many metrics completion doesn't load their help texts. */
const METADATA_LIMIT = 10_000;

// Colours are variables of app.css: a change of theme needs no new editor.
const highlighting = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--code-keyword)' },
  { tag: tags.function(tags.variableName), color: 'var(--code-function)' },
  { tag: tags.modifier, color: 'var(--code-keyword)' },
  { tag: tags.labelName, color: 'var(--code-label)' },
  { tag: tags.string, color: 'var(--code-string)' },
  { tag: tags.number, color: 'var(--code-number)' },
  { tag: tags.operator, color: 'var(--code-operator)' },
  { tag: tags.comment, color: 'var(--code-comment)', fontStyle: 'italic' },
  { tag: tags.invalid, color: 'var(--bad)' },
]);

export function Editor(props: EditorProps): ReactNode {
  const holder = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });

  // Before the paint, and gone at once when the page goes: a wish for the cursor must not reach an editor that nobody sees.
  useLayoutEffect(() => {
    if (holder.current === null) return undefined;
    const promql = new PromQLExtension();
    promql.activateLinter(false);
    promql.setComplete({
      remote: {
        url: basePath.replace(/\/$/, ''),
        httpMethod: 'GET',
        lookbackInterval: LOOKBACK_ms,
        fetchFn: (input, init) => fetch(input, init),
        // Completion that finds nothing is no failure worth a message.
        httpErrorHandler: () => undefined,
      },
      maxMetricsMetadata: METADATA_LIMIT,
    });
    const editor = new EditorView({
      parent: holder.current,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: extensions(promql, latest),
      }),
    });
    view.current = editor;
    const endWishes = onEditorWish(() => editor.focus());
    return (): void => {
      endWishes();
      promql.destroy();
      editor.destroy();
      view.current = null;
    };
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (editor === null || editor.state.doc.toString() === props.value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: props.value } });
  }, [props.value]);

  return <div ref={holder} className="editor-code" />;
}

function extensions(promql: PromQLExtension, latest: { readonly current: EditorProps }): Extension[] {
  const run = (editor: EditorView): boolean => {
    closeCompletion(editor);
    latest.current.onRun(editor.state.doc.toString());
    return true;
  };
  return [
    history(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    autocompletion({ icons: false }),
    syntaxHighlighting(highlighting),
    EditorView.lineWrapping,
    placeholder('Expression, as rate(http_requests_total[5m])'),
    EditorView.contentAttributes.of({ 'aria-label': latest.current.label, spellcheck: 'false' }),
    promql.asExtension(),
    linter((editor) => diagnose(editor.state.doc.toString()), { delay: 300 }),
    Prec.highest(
      keymap.of([
        { key: 'Enter', run: (editor) => (wantsCompletion(editor) ? acceptCompletion(editor) : run(editor)) },
        { key: 'Shift-Enter', run },
        { key: 'Mod-Enter', run },
        { key: 'Ctrl-Enter', run },
        { key: 'Alt-Enter', run: insertNewlineAndIndent },
      ]),
    ),
    keymap.of([
      ...closeBracketsKeymap,
      ...defaultKeymap,
      ...historyKeymap,
      ...completionKeymap,
      ...lintKeymap,
    ]),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) latest.current.onChange(update.state.doc.toString());
    }),
  ];
}

/** Whether Enter means the offered completion: not when what it offers stands there already. */
function wantsCompletion(editor: EditorView): boolean {
  const { state } = editor;
  if (completionStatus(state) !== 'active') return false;
  const offered = selectedCompletion(state);
  if (offered === null) return false;
  const before = state.sliceDoc(0, state.selection.main.head);
  return !before.endsWith(offered.label);
}
