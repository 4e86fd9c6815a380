// Range, end, resolution and style of a graph.
import { ActionIcon, SegmentedControl, TextInput, NativeSelect } from '@mantine/core';
import { useEffect, useId, useState, type ReactNode } from 'react';
import { parseDuration, printDuration } from '../duration.ts';
import { Icon } from '../icons.tsx';
import { nextRange, RANGES, stepOf, type Resolution } from '../step.ts';
import { MomentInput } from './moment-input.tsx';
import type { PanelState } from './panel-url.ts';

const STEPS_ms: readonly number[] = [1, 5, 10, 15, 30, 60, 300, 900, 3600].map((s) => s * 1000);

export function GraphControls(props: {
  panel: PanelState;
  onChange: (part: Partial<PanelState>) => void;
}): ReactNode {
  const { panel, onChange } = props;
  return (
    <>
      <RangeInput value_ms={panel.range_ms} onChange={(range_ms) => onChange({ range_ms })} />
      <MomentInput
        label="End time"
        value_ms={panel.end_ms}
        step_ms={Math.max(1000, Math.round(panel.range_ms / 2000) * 1000)}
        onChange={(end_ms) => onChange({ end_ms })}
      />
      <ResolutionSelect
        value={panel.resolution}
        range_ms={panel.range_ms}
        onChange={(resolution) => onChange({ resolution })}
      />
      <SegmentedControl
        size="xs"
        aria-label="Style"
        value={panel.display}
        onChange={(display) => onChange({ display })}
        data={[
          { value: 'lines', label: 'Lines' },
          { value: 'stacked', label: 'Stacked' },
        ]}
      />
    </>
  );
}

function RangeInput(props: { value_ms: number; onChange: (ms: number) => void }): ReactNode {
  const shown = printDuration(props.value_ms);
  const [text, setText] = useState(shown);
  const [wrong, setWrong] = useState(false);
  const listId = useId();
  useEffect(() => {
    setText(shown);
    setWrong(false);
  }, [shown]);
  const take = (): void => {
    const value = parseDuration(text);
    setWrong(value === null);
    if (value !== null && value !== props.value_ms) props.onChange(value);
    else if (value !== null) setText(shown);
  };
  return (
    <span className="joined" role="group" aria-label="Range">
      <ActionIcon
        variant="default"
        size={30}
        aria-label="Shorter range"
        onClick={() => props.onChange(nextRange(props.value_ms, -1))}
      >
        <Icon name="minus" size={14} />
      </ActionIcon>
      <TextInput
        size="xs"
        className="range"
        aria-label="Range"
        aria-invalid={wrong}
        error={wrong}
        title={wrong ? 'Write a duration as 90m or 1h30m' : 'Range'}
        list={listId}
        value={text}
        onChange={(e) => {
          const next = e.currentTarget.value;
          setText(next);
          // Picked from the list: no Enter needed.
          const value = RANGES.find((r) => printDuration(r) === next);
          if (
            value !== undefined &&
            !('inputType' in e.nativeEvent && e.nativeEvent.inputType === 'insertText')
          )
            props.onChange(value);
        }}
        onBlur={take}
        onKeyDown={(e) => {
          if (e.key === 'Enter') take();
        }}
      />
      <datalist id={listId}>
        {RANGES.map((r) => (
          <option key={r} value={printDuration(r)} />
        ))}
      </datalist>
      <ActionIcon
        variant="default"
        size={30}
        aria-label="Longer range"
        onClick={() => props.onChange(nextRange(props.value_ms, 1))}
      >
        <Icon name="plus" size={14} />
      </ActionIcon>
    </span>
  );
}

function ResolutionSelect(props: {
  value: Resolution;
  range_ms: number;
  onChange: (r: Resolution) => void;
}): ReactNode {
  const { value } = props;
  const current = value.kind === 'auto' ? value.density : String(value.step_ms);
  const own = value.kind === 'fixed' && !STEPS_ms.includes(value.step_ms) ? [value.step_ms] : [];
  return (
    <NativeSelect
      size="xs"
      className="resolution"
      aria-label="Resolution"
      title="Resolution"
      value={current}
      onChange={(e) => {
        const next = e.currentTarget.value;
        props.onChange(
          next === 'low' || next === 'medium' || next === 'high'
            ? { kind: 'auto', density: next }
            : { kind: 'fixed', step_ms: Number(next) },
        );
      }}
    >
      {(['low', 'medium', 'high'] as const).map((density) => (
        <option key={density} value={density}>
          {`Auto, ${density} (${printDuration(stepOf({ kind: 'auto', density }, props.range_ms))})`}
        </option>
      ))}
      {[...STEPS_ms, ...own].map((step) => (
        <option key={step} value={step}>
          {`Step ${printDuration(step)}`}
        </option>
      ))}
    </NativeSelect>
  );
}
