import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { TerminalInfo } from '../../../server/protocol/terminal.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { DisposableList } from '../bridge/disposableList.ts';
import { errorText } from '../bridge/errorText.ts';
import { t } from '../strings.ts';
import { FindWidget } from './findWidget.tsx';
import { PasteQuestion } from './pasteQuestion.tsx';
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
  /** Whether this view answers what programs ask of their terminal, and lets them write the clipboard. */
  readonly answersQueries: boolean;
  readonly mayUseGpu: boolean;
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
  const [screen, setScreen] = useState<TerminalScreen | null>(null);
  /** How often finding was asked for since its widget was closed; 0 while it is. */
  const [findAsked, setFindAsked] = useState(0);
  const [pasting, setPasting] = useState<string | null>(null);
  const { bridge, terminalId, answersQueries } = props;

  useEffect(() => {
    const owned = new DisposableList();
    const show = async (): Promise<void> => {
      const { createXtermScreen } = await import('./xtermScreen.ts');
      if (owned.isDisposed || element.current === null) return;
      const screen: TerminalScreen = createXtermScreen(element.current, {
        ...props,
        size: { cols: 80, rows: props.rows === 'fill' ? 24 : props.rows },
        linkHint: t('terminal.linkHint'),
        onCopy: (text) => bridge.act({ action: 'copyText', text }),
        onPaste: (text) => {
          if (needsQuestion(text, screen)) setPasting(text);
          else screen.paste(text);
        },
        onPasteFailed: () => screen.showNotice(t('terminal.pasteFailed')),
        onLink: (url) => bridge.act({ action: 'openLink', url }),
        onFind: () => setFindAsked((count) => count + 1),
      });
      owned.add(screen);
      setScreen(screen);
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
    return () => {
      owned.dispose();
      setScreen(null);
    };
  }, [bridge, terminalId]);
  // Before the next message is taken, whose questions are then answered, or left, as they should be.
  useLayoutEffect(() => screen?.setAnswering(answersQueries), [screen, answersQueries]);

  return (
    <div class={props.rows === 'fill' ? 'terminalView terminalViewFill' : 'terminalView'}>
      <div class="terminalScreen" ref={element} />
      {screen !== null && findAsked > 0 && (
        <FindWidget
          search={screen.search}
          asked={findAsked}
          onClose={() => {
            setFindAsked(0);
            screen.focus();
          }}
        />
      )}
      {screen !== null && pasting !== null && (
        <PasteQuestion
          text={pasting}
          onAnswer={(text) => {
            setPasting(null);
            if (text !== null) screen.paste(text);
            screen.focus();
          }}
        />
      )}
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

/** Several lines, for a program that is not told that they are one paste and would run each of them. */
function needsQuestion(text: string, screen: TerminalScreen): boolean {
  const [, ...more] = text.split(/\r\n|\r|\n/);
  const hasMoreLines = more.length > 1 || (more[0] ?? '').trim() !== '';
  return hasMoreLines && !screen.takesPasteWhole;
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
