// All metric names with what they mean, to search and pick from.
import { Modal, TextInput } from '@mantine/core';
import { useCallback, useState, type ReactNode } from 'react';
import { callApi } from '../api.ts';
import { usePoll } from '../poll.ts';
import { printCount } from '../number.ts';

/** Rows shown at once. */
const SHOWN_LIMIT = 100;

type Metadata = Readonly<Record<string, readonly { readonly type: string; readonly help: string }[]>>;

export function MetricExplorer(props: {
  opened: boolean;
  onClose: () => void;
  onPick: (name: string) => void;
}): ReactNode {
  return (
    <Modal
      opened={props.opened}
      onClose={props.onClose}
      title="Metrics"
      size="lg"
      transitionProps={{ duration: 0 }}
      closeButtonProps={{ 'aria-label': 'Close' }}
      overlayProps={{ backgroundOpacity: 0.35 }}
    >
      {props.opened ? <Names onPick={props.onPick} /> : null}
    </Modal>
  );
}

function Names(props: { onPick: (name: string) => void }): ReactNode {
  const load = useCallback(async (signal: AbortSignal) => {
    const [names, metadata] = await Promise.all([
      callApi<readonly string[]>('label/__name__/values', {}, signal),
      // Help texts are comfort: without them the names still stand.
      callApi<Metadata>('metadata', {}, signal).catch(() => null),
    ]);
    return { names: names.data, metadata: metadata?.data ?? {} };
  }, []);
  const { data, error } = usePoll(load, 0);
  const [text, setText] = useState('');
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = (data?.names ?? []).filter((name) => {
    const hay = `${name} ${metaOf(data?.metadata, name)?.help ?? ''}`.toLowerCase();
    return words.every((w) => hay.includes(w));
  });
  return (
    <>
      <TextInput
        data-autofocus
        aria-label="Search metrics"
        placeholder="Search in names and descriptions"
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
      />
      <p className="dim explorer-count" role="status">
        {data === null
          ? (error?.message ?? 'Asking')
          : `${printCount(found.length)} of ${printCount(data.names.length)}`}
        {found.length > SHOWN_LIMIT ? `, the first ${SHOWN_LIMIT} shown` : ''}
      </p>
      <ul className="explorer">
        {found.slice(0, SHOWN_LIMIT).map((name) => {
          const meta = metaOf(data?.metadata, name);
          return (
            <li key={name}>
              <button type="button" className="explorer-item" onClick={() => props.onPick(name)}>
                <span className="mono explorer-name">{name}</span>
                <span className="dim explorer-type">{meta?.type ?? ''}</span>
                <span className="dim explorer-help">{meta?.help ?? ''}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </>
  );
}

/** Parts of a histogram or a summary carry their family's text. */
function metaOf(metadata: Metadata | undefined, name: string): { type: string; help: string } | undefined {
  return metadata?.[name]?.[0] ?? metadata?.[name.replace(/_(bucket|sum|count|total)$/, '')]?.[0];
}
