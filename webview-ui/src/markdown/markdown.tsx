import { memo } from 'preact/compat';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { glyphOf } from '../components/glyphs.ts';
import { t } from '../strings.ts';
import type { LinkTarget } from './links.ts';
import { MarkdownBlocks } from './markdownBlocks.ts';
import { linkTargetOf, renderMarkdown } from './renderMarkdown.ts';

const copiedShownMs = 1500;

export interface MarkdownProps {
  readonly text: string;
  readonly onLink: (target: LinkTarget) => void;
  readonly onCopy: (text: string) => void;
}

/** Shows an answer while it grows: only blocks whose source changed are rendered anew. */
export function Markdown({ text, onLink, onCopy }: MarkdownProps) {
  const blocks = useRef<MarkdownBlocks | null>(null);
  blocks.current ??= new MarkdownBlocks();
  const activate = (event: Event): void => {
    if (!(event.target instanceof Element)) return;
    const link = event.target.closest('.link');
    const target = link === null ? null : linkTargetOf(link);
    const copy = event.target.closest<HTMLElement>('.codeBlockCopy');
    if (target !== null) onLink(target);
    if (copy !== null) copyBlock(copy, onCopy);
    if (target !== null || copy !== null) event.preventDefault();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    // Buttons turn Enter into a click by themselves; our links have no href and do not.
    const isOnLink = event.target instanceof Element && event.target.matches('.link');
    if (event.key === 'Enter' && isOnLink) activate(event);
  };
  return (
    <div class="markdown" onClick={activate} onKeyDown={onKeyDown}>
      {blocks.current.update(text).map((source, index) => (
        <MarkdownBlock key={index} source={source} />
      ))}
    </div>
  );
}

const MarkdownBlock = memo(function MarkdownBlock({ source }: { readonly source: string }) {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const fragment = renderMarkdown(source);
    for (const copy of fragment.querySelectorAll('.codeBlockCopy')) setCopyGlyph(copy, 'copy');
    element.current?.replaceChildren(fragment);
  }, [source]);
  return <div class="markdownBlock" ref={element} />;
});

function copyBlock(button: HTMLElement, onCopy: (text: string) => void): void {
  onCopy(button.closest('.codeBlock')?.querySelector('code')?.textContent.replace(/\n$/, '') ?? '');
  setCopyGlyph(button, 'check');
  button.title = t('code.copied');
  setTimeout(() => {
    setCopyGlyph(button, 'copy');
    button.title = t('code.copy');
  }, copiedShownMs);
}

function setCopyGlyph(button: Element, name: 'copy' | 'check'): void {
  const icon = document.createElement('span');
  icon.className = 'icon';
  icon.setAttribute('aria-hidden', 'true');
  icon.textContent = glyphOf(name);
  button.replaceChildren(icon);
}
