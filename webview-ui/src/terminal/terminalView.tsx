import { useEffect, useRef, useState } from 'preact/hooks';
import type { TerminalInfo } from '../../../server/protocol/terminal.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { DisposableList } from '../bridge/disposableList.ts';
import { errorText } from '../bridge/errorText.ts';
import { t } from '../strings.ts';
import { TerminalAttachment } from './terminalAttachment.ts';
import type { TerminalScreen, TerminalSize } from './terminalScreen.ts';

const resizeDelayMs = 100;

export interface TerminalViewProps {
  readonly bridge: Bridge;
  readonly terminalId: string;
  readonly label: string;
  /**
   * `fill`: this view owns the terminal's size, and makes it as large as its element. A number: it shows that many rows
   * of a terminal whose size another viewer decides.
   */
  readonly rows: 'fill' | number;
  readonly answersQueries: boolean;
  readonly autoFocus: boolean;
  readonly screenReaderMode: boolean;
  readonly onTerminal?: (terminal: TerminalInfo) => void;
}

/** A live terminal: shows its output and takes its input. */
export function TerminalView(props: TerminalViewProps) {
  const element = useRef<HTMLDivElement>(null);
  const attachment = useRef<TerminalAttachment | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [isLoading, setLoading] = useState(true);
  const { bridge, terminalId } = props;

  useEffect(() => {
    const owned = new DisposableList();
    const show = async (): Promise<void> => {
      const { createXtermScreen } = await import('./xtermScreen.ts');
      if (owned.isDisposed || element.current === null) return;
      const screen: TerminalScreen = createXtermScreen(element.current, {
        ...props,
        size: { cols: 80, rows: props.rows === 'fill' ? 24 : props.rows },
        onCopy: (text) => bridge.act({ action: 'copyText', text }),
        onPasteFailed: () => screen.showNotice(t('terminal.pasteFailed')),
      });
      owned.add(screen);
      attachment.current = owned.add(
        new TerminalAttachment(bridge, terminalId, screen, {
          attached: (terminal) => {
            setLoading(false);
            setFailure(null);
            adopt(terminal);
            if (props.rows === 'fill') fitNow();
          },
          changed: (terminal) => adopt(terminal),
          failed: setFailure,
          exited: () => setLoading(false),
        }),
      );
      const adopt = (terminal: TerminalInfo): void => {
        props.onTerminal?.(terminal);
        if (props.rows !== 'fill') screen.resize({ cols: terminal.cols, rows: props.rows });
      };
      let lastSize: TerminalSize = { cols: 0, rows: 0 };
      const fitNow = (): void => {
        const size = screen.fit();
        if (size === null || (size.cols === lastSize.cols && size.rows === lastSize.rows)) return;
        lastSize = size;
        void attachment.current?.resize(size);
      };
      if (props.rows === 'fill') owned.add(watchSize(element.current, fitNow));
      if (props.autoFocus) screen.focus();
    };
    show().catch((error: unknown) => {
      if (!owned.isDisposed) setFailure(t('terminal.screenFailed', { reason: errorText(error) }));
    });
    return () => owned.dispose();
  }, [bridge, terminalId]);

  return (
    <div class={props.rows === 'fill' ? 'terminalView terminalViewFill' : 'terminalView'}>
      <div class="terminalScreen" ref={element} />
      {isLoading && failure === null && <div class="terminalMessage">{t('terminal.loading')}</div>}
      {failure !== null && (
        <div class="terminalMessage" role="alert">
          <span>{t('terminal.attachFailed', { reason: failure })}</span>
          <button type="button" class="button secondary" onClick={() => void attachment.current?.attach()}>
            {t('terminal.attachAgain')}
          </button>
        </div>
      )}
    </div>
  );
}

/** Calls back after the element's size has settled, since each call sends a signal to the program. */
function watchSize(element: HTMLElement, onSettled: () => void) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const observer = new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(onSettled, resizeDelayMs);
  });
  observer.observe(element);
  return {
    dispose: () => {
      clearTimeout(timer);
      observer.disconnect();
    },
  };
}
