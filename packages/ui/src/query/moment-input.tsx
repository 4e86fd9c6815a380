// A point in time that may be "now": written, or moved by arrows.
import { ActionIcon, TextInput } from '@mantine/core';
import { useEffect, useState, type ReactNode } from 'react';
import { now_ms } from '../browser.ts';
import { Icon } from '../icons.tsx';
import { parseInstant, printInstant } from '../instant.ts';
import { useSettings } from '../settings.tsx';

export function MomentInput(props: {
  label: string;
  /** null: now. */
  value_ms: number | null;
  step_ms: number;
  onChange: (value_ms: number | null) => void;
}): ReactNode {
  const { zone } = useSettings();
  const shown = props.value_ms === null ? '' : printInstant(props.value_ms, zone);
  const [text, setText] = useState(shown);
  const [wrong, setWrong] = useState(false);
  useEffect(() => {
    setText(shown);
    setWrong(false);
  }, [shown]);

  const take = (): void => {
    const trimmed = text.trim();
    const value = trimmed === '' || trimmed.toLowerCase() === 'now' ? null : parseInstant(trimmed, zone);
    if (value === null && trimmed !== '' && trimmed.toLowerCase() !== 'now') {
      setWrong(true);
      return;
    }
    setWrong(false);
    if (value === null) setText('');
    if (value !== props.value_ms) props.onChange(value);
  };
  const move = (by_ms: number): void => {
    const from = props.value_ms ?? Math.floor(now_ms() / 1000) * 1000;
    props.onChange(from + by_ms);
  };

  return (
    <span className="joined" role="group" aria-label={props.label}>
      <ActionIcon
        variant="default"
        size={30}
        aria-label={`${props.label}: earlier`}
        onClick={() => move(-props.step_ms)}
      >
        <Icon name="left" size={14} />
      </ActionIcon>
      <TextInput
        size="xs"
        className="moment"
        aria-label={props.label}
        aria-invalid={wrong}
        error={wrong}
        title={wrong ? 'Write a time as 2026-11-22 18:30:00, or leave it empty for now' : props.label}
        placeholder={`now (${zone === 'utc' ? 'UTC' : 'local'})`}
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
        onBlur={take}
        onKeyDown={(e) => {
          if (e.key === 'Enter') take();
        }}
        rightSection={
          props.value_ms === null ? null : (
            <ActionIcon
              variant="transparent"
              color="gray"
              size="xs"
              aria-label={`${props.label}: back to now`}
              onClick={() => props.onChange(null)}
            >
              <Icon name="cross" size={12} />
            </ActionIcon>
          )
        }
      />
      <ActionIcon
        variant="default"
        size={30}
        aria-label={`${props.label}: later`}
        disabled={props.value_ms === null}
        onClick={() => move(props.step_ms)}
      >
        <Icon name="right" size={14} />
      </ActionIcon>
    </span>
  );
}
