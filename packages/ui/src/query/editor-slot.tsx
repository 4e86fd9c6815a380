// The place of the editor: its code comes separately (it is the largest part of the console), and until it is there a plain field does.
import { lazy, Suspense, type ReactNode } from 'react';

export interface EditorProps {
  readonly value: string;
  readonly label: string;
  readonly onChange: (text: string) => void;
  readonly onRun: (text: string) => void;
}

const Editor = lazy(async () => ({ default: (await import('./editor.tsx')).Editor }));

export function EditorSlot(props: EditorProps): ReactNode {
  return (
    <div className="editor">
      <Suspense fallback={<PlainField {...props} />}>
        <Editor {...props} />
      </Suspense>
    </div>
  );
}

function PlainField(props: EditorProps): ReactNode {
  return (
    <textarea
      className="editor-plain mono"
      rows={1}
      spellCheck={false}
      aria-label={props.label}
      value={props.value}
      onChange={(e) => props.onChange(e.target.value)}
      onKeyDown={(e) => {
        if (e.key !== 'Enter' || e.altKey) return;
        e.preventDefault();
        props.onRun(props.value);
      }}
    />
  );
}
