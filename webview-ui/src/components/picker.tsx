import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { IconButton } from './iconButton.tsx';

export interface PickerEntry {
  readonly id: string;
  readonly label: string;
  /** Shown in a dimmer colour after the label. */
  readonly detail?: string;
  /** Entries of one group stand together under its heading. */
  readonly group?: string;
  readonly icon?: ComponentChildren;
}

export interface PickerProps {
  /** Names the list for screen readers. */
  readonly label: string;
  readonly filterLabel: string;
  readonly entries: readonly PickerEntry[];
  readonly selectedId: string | null;
  /** What stands in the place of the list while there is nothing to pick; gets the filter's text. */
  readonly emptyText: (filter: string) => string;
  readonly onPick: (id: string) => void;
  readonly onClose: () => void;
  /** Where entries can be deleted: the button's label and the question that is asked first. */
  readonly deletion?: {
    readonly label: (entry: PickerEntry) => string;
    readonly question: (entry: PickerEntry) => string;
    readonly confirm: string;
    readonly cancel: string;
    readonly onDelete: (id: string) => void;
  };
  readonly footer?: ComponentChildren;
  readonly class: string;
}

/** A filterable list in a popup, worked with the arrow keys, Enter, Escape, and Delete where entries can be deleted. */
export function Picker(props: PickerProps) {
  const { entries, selectedId, deletion, onPick, onClose } = props;
  const [filter, setFilter] = useState('');
  const [active, setActive] = useState(selectedId);
  const [deleting, setDeleting] = useState<string | null>(null);
  const root = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  useCloseOutside(root, onClose);
  useLayoutEffect(() => input.current?.focus(), [deleting === null]);

  const shown = entries.filter((entry) => matches(entry, filter));
  const activeIndex = Math.max(
    0,
    shown.findIndex((entry) => entry.id === active),
  );
  const activeEntry = shown[activeIndex];
  useLayoutEffect(() => {
    root.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [activeEntry?.id]);

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      if (deleting === null) onClose();
      else setDeleting(null);
      return;
    }
    if (event.target !== input.current) return;
    const move = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (move !== undefined) {
      setActive(shown[Math.min(shown.length - 1, Math.max(0, activeIndex + move))]?.id ?? null);
    } else if (event.key === 'Enter' && activeEntry !== undefined) {
      // The Enter that opened the popup and is still held down picks nothing.
      if (!event.repeat) onPick(activeEntry.id);
    } else if (event.key === 'Delete' && filter === '' && activeEntry !== undefined && deletion)
      setDeleting(activeEntry.id);
    else return;
    event.preventDefault();
  };

  return (
    <div class={`picker ${props.class}`} ref={root} role="dialog" aria-label={props.label} onKeyDown={onKeyDown}>
      <input
        ref={input}
        class="pickerFilter"
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls="pickerList"
        aria-label={props.filterLabel}
        aria-activedescendant={activeEntry === undefined ? '' : optionId(activeEntry.id)}
        placeholder={props.filterLabel}
        value={filter}
        onInput={(event) => setFilter(event.currentTarget.value)}
      />
      <div class="pickerList" id="pickerList" role="listbox" aria-label={props.label}>
        {shown.length === 0 && <div class="pickerEmpty">{props.emptyText(filter)}</div>}
        {shown.map((entry, index) => (
          <div key={entry.id} role="presentation">
            {entry.group !== undefined && entry.group !== shown[index - 1]?.group && (
              <div class="pickerGroup" role="presentation">
                {entry.group}
              </div>
            )}
            {deletion !== undefined && deleting === entry.id ? (
              <DeleteQuestion deletion={deletion} entry={entry} onDone={() => setDeleting(null)} />
            ) : (
              <Option
                entry={entry}
                isActive={entry.id === activeEntry?.id}
                isSelected={entry.id === selectedId}
                onPick={() => onPick(entry.id)}
                onHover={() => setActive(entry.id)}
                {...(deletion === undefined
                  ? {}
                  : { deleteLabel: deletion.label(entry), onDelete: () => setDeleting(entry.id) })}
              />
            )}
          </div>
        ))}
      </div>
      {props.footer !== undefined && <div class="pickerFooter">{props.footer}</div>}
    </div>
  );
}

interface OptionProps {
  readonly entry: PickerEntry;
  readonly isActive: boolean;
  readonly isSelected: boolean;
  readonly deleteLabel?: string;
  readonly onPick: () => void;
  readonly onHover: () => void;
  readonly onDelete?: () => void;
}

function Option({ entry, isActive, isSelected, deleteLabel, onPick, onHover, onDelete }: OptionProps) {
  const classes = ['pickerOption', isActive ? 'active' : '', isSelected ? 'selected' : ''];
  return (
    <div class={classes.join(' ')} onMouseMove={onHover}>
      <div
        class="pickerOptionText"
        id={optionId(entry.id)}
        role="option"
        aria-selected={isActive}
        aria-current={isSelected}
        title={entry.label}
        onClick={onPick}
      >
        {entry.icon}
        <span class="pickerLabel">{entry.label}</span>
        {entry.detail !== undefined && <span class="pickerDetail">{entry.detail}</span>}
      </div>
      {onDelete !== undefined && deleteLabel !== undefined && (
        <IconButton icon="trash" label={deleteLabel} onClick={onDelete} />
      )}
    </div>
  );
}

interface DeleteQuestionProps {
  readonly deletion: NonNullable<PickerProps['deletion']>;
  readonly entry: PickerEntry;
  readonly onDone: () => void;
}

function DeleteQuestion({ deletion, entry, onDone }: DeleteQuestionProps) {
  const keep = useRef<HTMLButtonElement>(null);
  useEffect(() => keep.current?.focus(), []);
  const confirm = (): void => {
    deletion.onDelete(entry.id);
    onDone();
  };
  return (
    <div class="pickerQuestion" role="alertdialog" aria-label={deletion.question(entry)}>
      <span>{deletion.question(entry)}</span>
      <div class="buttonRow">
        <button type="button" class="button danger" onClick={confirm}>
          {deletion.confirm}
        </button>
        <button type="button" class="button secondary" ref={keep} onClick={onDone}>
          {deletion.cancel}
        </button>
      </div>
    </div>
  );
}

function useCloseOutside(root: { readonly current: HTMLElement | null }, onClose: () => void): void {
  const close = useRef(onClose);
  close.current = onClose;
  useEffect(() => {
    const onPointerDown = (event: Event): void => {
      const isInside = event.target instanceof Node && root.current?.contains(event.target) === true;
      // The button that opened the popup closes it by itself.
      const isOnOpener = event.target instanceof Element && event.target.closest('[aria-expanded="true"]') !== null;
      if (!isInside && !isOnOpener) close.current();
    };
    // Inside of the popup Escape may have another meaning, and does not come this far.
    const onEscape = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape' || event.defaultPrevented) return;
      event.preventDefault();
      close.current();
    };
    const onBlur = (): void => close.current();
    document.addEventListener('pointerdown', onPointerDown);
    document.addEventListener('keydown', onEscape);
    window.addEventListener('blur', onBlur);
    return () => {
      document.removeEventListener('pointerdown', onPointerDown);
      document.removeEventListener('keydown', onEscape);
      window.removeEventListener('blur', onBlur);
    };
  }, []);
}

function matches(entry: PickerEntry, filter: string): boolean {
  const haystack = `${entry.group ?? ''} ${entry.label} ${entry.id}`.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => haystack.includes(word));
}

function optionId(id: string): string {
  return `option-${id.replace(/[^\w-]/g, '_')}`;
}
